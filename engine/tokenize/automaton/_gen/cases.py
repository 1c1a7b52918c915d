"""Prints cases for cases_test.go: what Hugging Face tokenizers 0.22.2 makes of
random and of published expressions and pre-tokenizers.

    python cases.py SEED COUNT | zstd --ultra -22 > ../testdata/cases.jsonl.zst

A line is [pre_tokenizer, text, pieces]. Expressions that the library does not
compile, or gives up on, are left out.
"""
import json
import random
import sys

from tokenizers import Tokenizer, models, __version__

assert __version__ == "0.22.2", __version__

C = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
T = r"|\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+" + T
CL = C + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+" + T
UP, LOW = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200 = (r"[^\r\n\p{L}\p{N}]?" + UP + "*" + LOW + "+" + C + r"?|[^\r\n\p{L}\p{N}]?" + UP + "+" + LOW + "*" + C
        + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+" + T)
# Expressions of published tokenizers, one or several Splits each.
PUBLISHED = [
    [GPT2], [CL], [O200], [CL.replace("{1,3}", "")], [CL.replace(r"\s*[\r\n]+", r"\s*[\r\n]")],
    [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"],
    [r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"],
    [r"[\p{Han}]+|" + O200.replace(r"\p{M}]", r"\p{M}&&[^\p{Han}]]").replace("/]*", "]*")],
    [C + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+" + T],
    # DeepSeek V3, DeepSeek-Coder, DeepSeek-LLM
    [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+" + T],
    [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"],
    [r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗ]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", "[一-龥ࠀ-一가-퟿]+"],
    # digits from the right, in threes (SuperBPE, AfMoE, Aya)
    [r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|" + CL],
    [r"(?=(\d{3})+(?!\d))", CL], [r"\d{1,3}(?=(?:\d{3})*\b)", GPT2], [r"(?<=\d)(?=(?:\d{3})+(?!\d))", GPT2],
    [r"\p{Nd}{1,3}(?=(?:\p{Nd}{3})*(?:\P{Nd}|$))|[^\r\n\p{L}\p{Nd}]?\p{L}+"],
    # BLOOM, Falcon, StarCoder2, Llama 2 code, Viking
    [" ?[^(\\s|[.,!?…。，、।۔،])]+"], ["[\\s\\S]"], [r"[0-9][0-9][0-9]"], [r"\p{Nd}|" + GPT2], [r"(?:\r?\n)+(?!\r?\n)", GPT2],
    ["\\s{16}|\\s{8}|\\s{4}|\\s{2}|\\s|\\S+"], [r" {2,}|[^\S ]+|" + GPT2],
    [r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+" + C + r"?|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*" + C + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+" + T],
    [r"\p{L}+(?: \p{L}+){0,2}|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+" + T],
    [r"[^\s\p{L}\p{N}]*\p{L}+['’]?\p{L}*|\d+(?:[.,]\d+)*"], [r"\S+\s*|\s+"], [r"(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})"], [r"(?<![A-Z])(?=[A-Z])"],
]
ATOMS = [
    "a", "b", "c", "ab", "A", "x", "1", " ", "'", "é", "漢", "の", "ſ", r"\n", r"\r", r"\t", r"\.", r"\-", "-", ",", ".", ".", r"\w", r"\W", r"\s", r"\S", r"\d", r"\D", r"\h", r"\H", r"\N", r"\O", r"\R",
    r"\p{L}", r"\p{Lu}", r"\p{^Lu}", r"\P{L}", r"\p{N}", r"\p{M}", r"\p{P}", r"\p{S}", r"\p{Han}", r"\p{Hiragana}", r"\p{Alpha}", r"\p{In_Basic_Latin}", r"\p{word}", r"\p{Punct}", r"\p{White Space}",
    "[abc]", "[^ab]", "[a-c1-3]", r"[^\s\p{L}]", r"[\p{L}&&[^a]]", "[a-z&&b-y&&[^c]]", "[[:alpha:]]", "[[:^digit:]]", "[[:punct:]]", "[[:word:]]", r"[\w-]", "[-a]", "[]a]", "[^]a]", "[a-b-]", "[[ab][cé]]", r"[^\W\d]", r"[\x41-\x5a]", r"[\u00e9]", r"\x{6f22}", r"\u0301", r"\x20", "[漢-龥ぁ-ん]", "[ab&&]", "[^ab&&b]", "[a\\]b]", "[*+?.]", "[[:space:]1]", "]", "}", "{", "{,", "a{,2}", "{1", "a{x}",
]
ANCHORS = ["^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", "(?=%s)", "(?!%s)", "(?<=a)", "(?<![ab])", r"(?<=\s)", r"(?<!\p{L})", "(?<=ab|1)", "(?<!ab|c1)", r"(?<=\w\s)", "(?<=)"]
QUANTS = ["", "", "", "", "", "?", "*", "+", "??", "*?", "+?", "?+", "*+", "++", "{2}", "{1,2}", "{2,}", "{,2}", "{0,1}", "{1,3}?", "{2}?", "{2}+", "{1,2}+", "{2,1}", "{0}", "**", "+*", "?*", "+?*", "*?+", "??+", "{2}{2}", "+??", "?{2}", "{0,12}", "{9}", "{3,11}?", "{12,}"]
GROUPS = ["(%s)", "(?:%s)", "(?:%s)", "(?:%s)", "(?>%s)", "(?i:%s)", "(?m:%s)", "(?-i:%s)", "(?im-x:%s)", "(?x: %s )", "(?<n>%s)", "(?i)%s", "(?#note)%s"]
TEXT = list("aaabbbcABCxs1123  ..,,''--\n\n\r\t") + ["ab", "abc", "123", "  ", "\r\n", "é", "É", "e\u0301", "\u0301", "ſ", "ß", "K", "\u212a", "漢", "字", "龥", "の", "か", "ー", "İ", "ﬁ", "²", "٣", "Ⅷ", "\u00a0", "\u0085", "\u2028", "\u3000", "\u200b", "😀", "_", "'s", "'S", "'ll", "$", "+", "\0", "\u0897", "\U0001fae8", "ǅ", "ʰ", "한", "글", "ก", "া", "]", "{", "}", "don't", "Hello", " World"]


def expression(r, depth):
    roll = r.random()
    if depth <= 0 or roll < 0.4:
        return r.choice(ATOMS) + r.choice(QUANTS)
    if roll < 0.48:
        a = r.choice(ANCHORS)
        return a.replace("%s", expression(r, depth - 1))
    if roll < 0.68:
        return "".join(expression(r, depth - 1) for _ in range(r.randint(2, 3)))
    if roll < 0.8:
        return r.choice(GROUPS).replace("%s", "|".join(expression(r, depth - 1) for _ in range(r.randint(1, 3)))) + r.choice(QUANTS)
    return "(?:" + "|".join(expression(r, depth - 1) for _ in range(r.randint(1, 3))) + ")" + r.choice(QUANTS)


def text(r):
    return "".join(r.choice(TEXT) for _ in range(r.randint(1, r.choice([6, 12, 30]))))


SPELT = {}
moved = 256
for b in range(256):
    if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b:
        SPELT[chr(b)] = b
    else:
        SPELT[chr(moved)] = b
        moved += 1


def pieces(config, t):
    """The pieces of t, or None where the library fails."""
    try:
        shell = json.loads(Tokenizer(models.BPE()).to_str())
        shell["pre_tokenizer"] = config
        pre = Tokenizer.from_str(json.dumps(shell)).pre_tokenizer
        out = pre.pre_tokenize_str(t)
    except BaseException as e:  # a panic is none of Exception
        if isinstance(e, (KeyboardInterrupt, SystemExit)):
            raise
        return None
    return [bytes(SPELT[c] for c in p).decode() for p, _ in out]


BEHAVIORS = ["Isolated", "Isolated", "Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def split(r, e, plain=False):
    return {"type": "Split", "pattern": {"Regex": e}, "behavior": "Isolated" if plain else r.choice(BEHAVIORS), "invert": not plain and r.random() < 0.2}


def level(r, plain=False):
    return {"type": "ByteLevel", "add_prefix_space": not plain and r.random() < 0.1, "trim_offsets": True, "use_regex": not plain and r.random() < 0.1}


def other(r):
    return r.choice([
        {"type": "Digits", "individual_digits": r.random() < 0.5}, {"type": "Punctuation", "behavior": r.choice(BEHAVIORS)}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"},
        {"type": "CharDelimiterSplit", "delimiter": r.choice(["a", " ", "の", "."])}, {"type": "BertPreTokenizer"}, {"type": "FixedLength", "length": r.randint(1, 4)},
        {"type": "Split", "pattern": {"String": r.choice([" ", "ab", ".", "a.b", "[x", "'s", "\\", "", "漢", "\n", "1-2", "$", "  "])}, "behavior": r.choice(BEHAVIORS), "invert": r.random() < 0.2},
    ])


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def main():
    r = random.Random(int(sys.argv[1]))
    count = int(sys.argv[2])
    done = 0

    def put(config, t):
        nonlocal done
        p = pieces(config, t)
        if p is not None:
            print(json.dumps([config, t, p], ensure_ascii=False, separators=(",", ":")))
            done += 1
        return p is not None

    for es in PUBLISHED:
        config = sequence(*[split(r, e, True) for e in es], level(r, True))
        for _ in range(12):
            put(config, text(r) + text(r))
        put(config, "Total: 1234567 and 12.345,67 for 1000000 people; don't you'LL\r\n\r\n   3,14159 x²  \n 漢字かな交じり123文")
    while done < count:
        if r.random() < 0.15:
            steps = [other(r) for _ in range(r.randint(1, 3))]
            if r.random() < 0.5:
                steps.append(split(r, expression(r, 2)))
            r.shuffle(steps)
            config = sequence(*steps, level(r))
        else:
            config = sequence(*[split(r, expression(r, r.randint(1, 4))) for _ in range(r.choice([1, 1, 1, 2]))], level(r, r.random() < 0.8))
        for _ in range(2):
            if not put(config, text(r)):
                break


main()
