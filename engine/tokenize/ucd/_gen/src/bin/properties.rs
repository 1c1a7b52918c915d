//! Writes ../properties.txt.zst: the sets of characters that Oniguruma knows by
//! name and how it folds case, asked of the library that Hugging Face
//! tokenizers 0.22.2 is built from.
//!
//!     cargo run --release --locked --bin properties | zstd --ultra -22 > ../properties.txt.zst
//!
//! The names are in names.txt, taken from unicode_property_data.c of onig_sys
//! 69.9.3; the library is asked about each. A line is
//!
//!     name name …<TAB>gap length gap length …
//!
//! a set: decimal numbers, the gap before and the length of every range. Two
//! lines are not sets: "fold" has groups of characters that match each other
//! where case is ignored, in hexadecimal, a group between slashes; "multifold"
//! has the sequences that a single character matches then: the character, then
//! the sequence.

use std::collections::{BTreeMap, BTreeSet};
use std::os::raw::{c_int, c_void};

const MAX: u32 = 0x10FFFF;

fn chars_where(member: impl Fn(char) -> bool) -> Vec<(u32, u32)> {
    let mut out: Vec<(u32, u32)> = vec![];
    for c in (0..=MAX).filter_map(char::from_u32).filter(|c| member(*c)) {
        let c = c as u32;
        match out.last_mut() {
            Some(last) if last.1 + 1 == c => last.1 = c,
            _ => out.push((c, c)),
        }
    }
    out
}

fn matches(pattern: &str) -> Vec<(u32, u32)> {
    let re = onig::Regex::new(pattern).expect(pattern);
    chars_where(|c| re.find(c.encode_utf8(&mut [0u8; 4])).is_some())
}

/// The ranges of a property as Oniguruma takes them into a bracket, without the
/// surrogates, which are no characters.
fn ranges(ctype: c_int) -> Vec<(u32, u32)> {
    let mut first_multibyte = 0;
    let mut p: *const onig_sys::OnigCodePoint = std::ptr::null();
    let list = unsafe {
        let enc = std::ptr::addr_of_mut!(onig_sys::OnigEncodingUTF8);
        let r = ((*enc).get_ctype_code_range.unwrap())(ctype as u32, &mut first_multibyte, &mut p);
        assert_eq!(r, 0);
        std::slice::from_raw_parts(p.add(1), 2 * *p as usize)
    };
    let mut out: Vec<(u32, u32)> = vec![];
    for r in list.chunks(2) {
        for (lo, hi) in [(r[0], r[1].min(0xD7FF)), (r[0].max(0xE000), r[1])] {
            match out.last_mut() {
                _ if lo > hi => {}
                Some(last) if last.1 + 1 == lo => last.1 = hi,
                _ => out.push((lo, hi)),
            }
        }
    }
    out
}

unsafe extern "C" fn collect(from: onig_sys::OnigCodePoint, to: *mut onig_sys::OnigCodePoint, len: c_int, arg: *mut c_void) -> c_int {
    let folds = &mut *(arg as *mut BTreeSet<(u32, Vec<u32>)>);
    folds.insert((from, std::slice::from_raw_parts(to, len as usize).to_vec()));
    0
}

fn main() {
    let mut sets: BTreeMap<Vec<(u32, u32)>, Vec<String>> = BTreeMap::new();
    let mut known: BTreeMap<c_int, Vec<(u32, u32)>> = BTreeMap::new();
    let enc = std::ptr::addr_of_mut!(onig_sys::OnigEncodingUTF8);
    onig::Regex::new("a").unwrap();
    for name in include_str!("../../names.txt").lines() {
        let mut bytes = name.as_bytes().to_vec();
        let range = bytes.as_mut_ptr_range();
        let ctype = unsafe { ((*enc).property_name_to_ctype.unwrap())(enc, range.start, range.end) };
        assert!(ctype >= 0, "{name}");
        let set = known.entry(ctype).or_insert_with(|| ranges(ctype)).clone();
        sets.entry(set).or_default().push(name.to_string());
    }
    // What has a syntax of its own is asked for by it. Outside brackets \w is
    // an operator, which also takes numbers that are no decimal digits below
    // U+0100.
    sets.entry(matches(r"\w")).or_default().push("=word".to_string());
    for (pattern, name) in [
        (r"\p{Word}", "=word"), (r"[\w]", "word"), (r"\p{L}", "l"), (r"[\p{Lu}]", "lu"), (r"\p{Han}", "han"), (r"\p{Alnum}", "alnum"),
        (r"\s", "space"), (r"\d", "digit"), (r"\h", "xdigit"), (r"[\s]", "space"), (r"[\d]", "digit"), (r"[\h]", "xdigit"),
        (r"[[:alnum:]]", "alnum"), (r"[[:alpha:]]", "alpha"), (r"[[:blank:]]", "blank"), (r"[[:cntrl:]]", "cntrl"), (r"[[:digit:]]", "digit"),
        (r"[[:graph:]]", "graph"), (r"[[:lower:]]", "lower"), (r"[[:print:]]", "print"), (r"[[:punct:]]", "posixpunct"), (r"[[:space:]]", "space"),
        (r"[[:upper:]]", "upper"), (r"[[:xdigit:]]", "xdigit"), (r"[[:ascii:]]", "ascii"), (r"[[:word:]]", "word"),
    ] {
        let names = sets.get(&matches(pattern));
        assert!(names.is_some_and(|n| n.contains(&name.to_string())), "{pattern} is not the property {name}");
    }
    // What the pre-tokenizers Digits and Punctuation ask, of Rust itself and of
    // a crate with data of its own.
    assert_eq!(char::UNICODE_VERSION, (17, 0, 0), "the version of the Rust that the published wheels are built with");
    sets.entry(chars_where(char::is_numeric)).or_default().push("=numeric".to_string());
    sets.entry(chars_where(|c| c.is_ascii_punctuation() || unicode_categories::UnicodeCategories::is_punctuation(c))).or_default().push("=punctuation".to_string());
    for (set, names) in &sets {
        print!("{}\t", names.join(" "));
        let mut at = 0;
        for (i, (lo, hi)) in set.iter().enumerate() {
            print!("{}{} {}", if i > 0 { " " } else { "" }, lo - at, hi - lo + 1);
            at = hi + 1;
        }
        println!();
    }

    let mut folds: BTreeSet<(u32, Vec<u32>)> = BTreeSet::new();
    unsafe {
        let r = ((*enc).apply_all_case_fold.unwrap())(1 << 30, Some(collect), &mut folds as *mut _ as *mut c_void);
        assert_eq!(r, 0);
    }
    let mut groups: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for (from, to) in folds.iter().filter(|f| f.1.len() == 1) {
        groups.entry(*from).or_insert_with(|| BTreeSet::from([*from])).insert(to[0]);
    }
    for (from, group) in &groups {
        for c in group {
            assert_eq!(groups.get(c), Some(group), "U+{from:04X} and U+{c:04X} fold differently");
        }
    }
    let hex = |cs: &mut dyn Iterator<Item = &u32>| cs.map(|c| format!("{c:x}")).collect::<Vec<_>>().join(" ");
    let all: BTreeSet<String> = groups.values().map(|g| hex(&mut g.iter())).collect();
    println!("fold\t{}", all.into_iter().collect::<Vec<_>>().join("/"));
    let multi: Vec<String> = folds.iter().filter(|f| f.1.len() > 1).map(|(from, to)| hex(&mut std::iter::once(from).chain(to))).collect();
    println!("multifold\t{}", multi.join("/"));
}
