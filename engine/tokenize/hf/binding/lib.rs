//! Upstream's C interface as it is, and one more function.
//!
//! Upstream passes the text as a C string, so that everything after the first
//! NUL is silently not counted. `tallystick_count` takes pointer and length.

#[path = "upstream/lib.rs"]
mod upstream;
pub use upstream::*;

use std::ffi::CString;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Counts the ids of one text, special tokens not added.
///
/// `handle` is what `tokenizers_from_bytes` returned, `text` is `len` bytes of
/// UTF-8. Returns the number of ids, or -1 with `*error` set to a message that
/// the caller frees with `tokenizers_free_string`. If `fnv` is not null, it
/// receives the FNV-1a-64 hash over the ids, each as four little-endian bytes.
///
/// # Safety
/// `handle` must be live, `text` readable for `len` bytes, `error` writable.
/// Any number of threads may call with the same handle.
#[no_mangle]
pub unsafe extern "C" fn tallystick_count(
    handle: *const libc::c_void,
    text: *const u8,
    len: usize,
    fnv: *mut u64,
    error: *mut *mut libc::c_char,
) -> i64 {
    let tokenizer = &*handle.cast::<UnifiedTokenizer>();
    let bytes: &[u8] = if len == 0 { &[] } else { std::slice::from_raw_parts(text, len) };
    let outcome = catch_unwind(AssertUnwindSafe(|| count(tokenizer, bytes)))
        .unwrap_or_else(|_| Err("the tokenizer panicked".to_string()));
    match outcome {
        Ok((n, hash)) => {
            if !fnv.is_null() {
                *fnv = hash;
            }
            n as i64
        }
        Err(message) => {
            *error = CString::new(message.replace('\0', "\u{2400}"))
                .expect("no NUL is left")
                .into_raw();
            -1
        }
    }
}

fn count(tokenizer: &UnifiedTokenizer, bytes: &[u8]) -> Result<(usize, u64), String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    let UnifiedTokenizer::HuggingFace(tokenizer) = tokenizer else {
        return Err("not a Hugging Face tokenizer".to_string());
    };
    // encode_fast does all that encode does except tracking offsets.
    let encoding = tokenizer.encode_fast(text, false).map_err(|e| e.to_string())?;
    let ids = encoding.get_ids();
    let hash = ids
        .iter()
        .flat_map(|id| id.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    Ok((ids.len(), hash))
}
