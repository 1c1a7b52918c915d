//! Writes ../tables.go: the Unicode data of package runes, asked of the very
//! libraries that Hugging Face tokenizers 0.22.2 is built from, code point by
//! code point, rather than of the Unicode character database.
//!
//!     cargo run --release --locked > ../tables.go && gofmt -w ../tables.go

use std::collections::HashMap;
use std::fmt::Write;
use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::char::{
    canonical_combining_class, decompose_canonical, decompose_compatible, is_combining_mark,
};
use unicode_segmentation::UnicodeSegmentation;

const MAX: u32 = 0x10FFFF;
const BLOCK: usize = 128;

fn chars() -> impl Iterator<Item = char> {
    (0..=MAX).filter_map(char::from_u32)
}

fn canonical(c: char) -> Vec<char> {
    let mut out = vec![];
    decompose_canonical(c, |d| out.push(d));
    out
}

fn compatible(c: char) -> Vec<char> {
    let mut out = vec![];
    decompose_compatible(c, |d| out.push(d));
    out
}

fn punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.is_punctuation()
}

fn chinese(c: char) -> bool {
    matches!(
        c as u32,
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}

/// The bits of the constants of runes.go.
fn props(c: char) -> u8 {
    let d = canonical(c);
    let lower: Vec<char> = c.to_lowercase().collect();
    // What package wordpiece takes for granted when it looks at a character
    // before it is normalised.
    assert_eq!(d[0].is_whitespace(), c.is_whitespace());
    for x in &d[1..] {
        assert!(!x.is_whitespace() && !punctuation(*x), "{c:?}");
        assert!(x.is_mark_nonspacing() || !punctuation(d[0]), "{c:?}");
    }
    for x in &lower {
        assert_eq!(x.is_whitespace(), c.is_whitespace());
        assert_eq!(punctuation(*x), punctuation(c));
    }
    assert!(!chinese(c) || d.len() == 1 && !punctuation(d[0]) && !d[0].is_mark_nonspacing());
    assert!(!punctuation(c) || punctuation(d[0]), "{c:?}");
    (c.is_whitespace() as u8)
        | (c.is_other() as u8) << 1
        | (punctuation(c) as u8) << 2
        | (punctuation(d[0]) as u8) << 3
        | (c.is_mark_nonspacing() as u8) << 4
        | ((lower != [c]) as u8) << 5
        | ((d != [c]) as u8) << 6
        | (chinese(c) as u8) << 7
}

fn one(s: &[&str]) -> bool {
    s.concat().graphemes(true).count() == 1
}

/// The class of a character in the rules of UAX #29, by what the library does
/// with it, in the order of the constants of grapheme.go.
fn grapheme(c: char) -> u8 {
    let mut buf = [0u8; 4];
    let s: &str = c.encode_utf8(&mut buf);
    let (acute, zwj, copyright) = ("\u{301}", "\u{200d}", "\u{a9}");
    let (ka, virama) = ("\u{915}", "\u{94d}");
    match c {
        '\r' => return 1,
        '\n' => return 2,
        '\u{200d}' => return 5,
        _ => {}
    }
    if !one(&[s, acute]) {
        return 3; // Control
    }
    if one(&["a", s]) {
        if !one(&[copyright, s, zwj, copyright]) {
            assert!(!one(&[ka, s, ka]) && !one(&[ka, s, virama, ka]));
            return 6; // SpacingMark
        }
        if one(&[ka, s, ka]) {
            return 15; // Extend, and a linker
        }
        if one(&[ka, s, virama, ka]) {
            return 14; // Extend, and extends a conjunct
        }
        return 4; // Extend
    }
    if one(&[s, "a"]) {
        return 7; // Prepend
    }
    if one(&[copyright, zwj, s]) {
        return 12; // Extended_Pictographic
    }
    if one(&[ka, virama, s]) {
        return 13; // consonant
    }
    if one(&["\u{1F1E6}", s]) {
        return 8; // Regional_Indicator
    }
    let (l, v, t) = ("\u{1100}", "\u{1161}", "\u{11a8}");
    match (one(&[l, s]), one(&[v, s]), one(&[s, v]), one(&[s, t])) {
        (true, false, true, false) => return if one(&[s, l]) { 9 } else { unreachable!() }, // L
        (true, true, true, true) => return 10,                                              // V
        (false, true, false, true) => return 11,                                            // T
        (true, false, true, true) => return 16,                                             // LV
        (true, false, false, true) => return 17,                                            // LVT
        (false, false, false, false) => {}
        other => panic!("{c:?} {other:?}"),
    }
    0
}

/// A table of a byte for every code point, in two steps.
fn table(name: &str, doc: &str, value: impl Fn(char) -> u8) {
    let mut bytes = vec![0u8; MAX as usize + 1];
    for c in chars() {
        bytes[c as usize] = value(c);
    }
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    let (mut index, mut blocks) = (vec![], vec![]);
    for block in bytes.chunks(BLOCK) {
        let n = seen.len();
        index.push(*seen.entry(block).or_insert_with(|| {
            blocks.extend_from_slice(block);
            n
        }));
    }
    println!("// {name}Index has the block of every {BLOCK} code points in {name}Blocks: {doc}.");
    print!("var {name}Index = [...]uint16{{");
    for (i, n) in index.iter().enumerate() {
        print!("{}{n}, ", if i % 40 == 0 { "\n\t" } else { "" });
    }
    println!("\n}}\n\nconst {name}Blocks = \"\" +");
    println!("{}\n", quoted(&blocks));
}

fn quoted(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes
        .chunks(160)
        .map(|line| {
            let mut s = String::from("\t\"");
            for b in line {
                write!(s, "\\x{b:02x}").unwrap();
            }
            s + "\""
        })
        .collect();
    lines.join(" +\n")
}

/// A table of mappings from characters to strings.
fn mappings(name: &str, doc: &str, of: impl Fn(char) -> Option<String>) {
    let mut pool = String::new();
    println!("// {name} are {doc}, ascending; the texts stand in {name}Pool.");
    print!("var {name} = [...]mapping{{");
    for (i, (c, to)) in chars().filter_map(|c| of(c).map(|s| (c, s))).enumerate() {
        let at = pool.find(&to).unwrap_or_else(|| {
            pool.push_str(&to);
            pool.len() - to.len()
        });
        assert!(at < 1 << 16);
        let gap = if i % 12 == 0 { "\n\t" } else { " " };
        print!("{gap}{{0x{:X}, {at}, {}}},", c as u32, to.len());
    }
    println!("\n}}\n\nconst {name}Pool = \"\" +");
    println!("{}\n", quoted(pool.as_bytes()));
}

fn hangul(c: char) -> bool {
    ('\u{AC00}'..='\u{D7A3}').contains(&c)
}

fn main() {
    println!("// Code generated by _gen; DO NOT EDIT.\n\npackage runes\n");
    println!("// Lower case is that of Unicode {:?}, the grapheme clusters of {:?}.", char::UNICODE_VERSION, unicode_segmentation::UNICODE_VERSION);
    println!();
    table("props", "the Props", props);
    table("ccc", "the canonical combining classes of Unicode 9.0", canonical_combining_class);
    table("grapheme", "the classes of grapheme clusters", grapheme);
    table("mark", "1 for the combining marks of Unicode 9.0", |c| is_combining_mark(c) as u8);
    mappings("canonicals", "the canonical decompositions of Unicode 9.0 without Hangul", |c| {
        let d = canonical(c);
        (d != [c] && !hangul(c)).then(|| d.iter().collect())
    });
    mappings("compatibles", "the compatibility decompositions of Unicode 9.0 that are not canonical", |c| {
        let d = compatible(c);
        (d != canonical(c)).then(|| d.iter().collect())
    });
    mappings("lowers", "the lower-case forms of other characters", |c| {
        let s: String = c.to_lowercase().collect();
        (s != c.to_string()).then_some(s)
    });
}
