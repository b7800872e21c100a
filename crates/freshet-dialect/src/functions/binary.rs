//! Bytes: encodings and hashes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::error::{Error, fault};
use crate::scalar::Call;
use crate::signatures::{Entry, strict};
use crate::value::Value;

type Answer = Result<Value, Error>;

fn from_hex(text: &str) -> Answer {
    let bad = || fault("INVALID_FUNCTION_ARGUMENT", format!("Invalid hex: {text}"));
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return Err(bad());
    }
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect::<Option<Vec<_>>>();
    bytes.map(Value::from).ok_or_else(bad)
}

fn decode(text: &[u8], url: bool) -> Answer {
    let engine = if url { URL_SAFE } else { STANDARD };
    engine
        .decode(text)
        .or_else(|_| {
            if url {
                base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text)
            } else {
                base64::engine::general_purpose::STANDARD_NO_PAD.decode(text)
            }
        })
        .map(Value::from)
        .map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", "Illegal base64 character"))
}

fn digest<D: sha2::Digest>(bytes: &[u8]) -> Value {
    Value::from(D::digest(bytes).to_vec())
}

fn hmac<D: hmac::digest::block_api::EagerHash>(v: &[Value]) -> Answer {
    use hmac::{KeyInit, Mac};
    if v[1].bytes().is_empty() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Empty key"));
    }
    let mut mac = hmac::Hmac::<D>::new_from_slice(v[1].bytes()).map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", "Bad key"))?;
    mac.update(v[0].bytes());
    Ok(Value::from(mac.finalize().into_bytes().to_vec()))
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn substr(bytes: &[u8], start: i64, length: Option<i64>) -> Value {
    let count = i64::try_from(bytes.len()).unwrap_or(0);
    let from = if start < 0 { count + start } else { start - 1 };
    if start == 0 || from < 0 || from >= count || length.is_some_and(|length| length <= 0) {
        return Value::from(Vec::new());
    }
    let to = length.map_or(count, |length| from.saturating_add(length).min(count));
    Value::from(bytes[usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0)].to_vec())
}

fn pad(v: &[Value], left: bool) -> Answer {
    let (bytes, target, with) = (v[0].bytes(), v[1].int(), v[2].bytes());
    if !(0..=1_000_000).contains(&target) {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Target length must be in the range [0..2147483647]"));
    }
    if with.is_empty() {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Padding bytes must not be empty"));
    }
    let target = usize::try_from(target).unwrap_or(0);
    if bytes.len() >= target {
        return Ok(Value::from(bytes[..target].to_vec()));
    }
    let fill: Vec<u8> = with.iter().copied().cycle().take(target - bytes.len()).collect();
    Ok(Value::from(if left { [fill.as_slice(), bytes].concat() } else { [bytes, fill.as_slice()].concat() }))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| fault("INVALID_FUNCTION_ARGUMENT", format!("expected {N}-byte input, but got instead: {}", bytes.len())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}

fn from_utf8(v: &[Value], _: &Call) -> Answer {
    let replacement = v.get(1).map_or("\u{FFFD}", Value::str);
    if replacement.chars().count() > 1 {
        return Err(fault("INVALID_FUNCTION_ARGUMENT", "Replacement character string must empty or a single character"));
    }
    let mut out = String::new();
    for chunk in v[0].bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push_str(replacement);
        }
    }
    Ok(Value::from(out))
}

/// The family's lines.
pub(crate) const TABLE: &[Entry] = &[
    strict("to_utf8", "varchar -> varbinary", |v, _| Ok(Value::from(v[0].str().as_bytes().to_vec()))),
    strict("from_utf8", "varbinary -> varchar", from_utf8),
    strict("from_utf8", "varbinary, varchar -> varchar", from_utf8),
    strict("to_hex", "varbinary -> varchar", |v, _| Ok(Value::from(hex(v[0].bytes())))),
    strict("from_hex", "varchar -> varbinary", |v, _| from_hex(v[0].str())),
    strict("from_hex", "varbinary -> varbinary", |v, _| from_hex(&String::from_utf8_lossy(v[0].bytes()))),
    strict("to_base64", "varbinary -> varchar", |v, _| Ok(Value::from(STANDARD.encode(v[0].bytes())))),
    strict("from_base64", "varchar -> varbinary", |v, _| decode(v[0].bytes(), false)),
    strict("from_base64", "varbinary -> varbinary", |v, _| decode(v[0].bytes(), false)),
    strict("to_base64url", "varbinary -> varchar", |v, _| Ok(Value::from(URL_SAFE.encode(v[0].bytes())))),
    strict("from_base64url", "varchar -> varbinary", |v, _| decode(v[0].bytes(), true)),
    strict("from_base64url", "varbinary -> varbinary", |v, _| decode(v[0].bytes(), true)),
    strict("md5", "varbinary -> varbinary", |v, _| Ok(digest::<md5::Md5>(v[0].bytes()))),
    strict("sha1", "varbinary -> varbinary", |v, _| Ok(digest::<sha1::Sha1>(v[0].bytes()))),
    strict("sha256", "varbinary -> varbinary", |v, _| Ok(digest::<sha2::Sha256>(v[0].bytes()))),
    strict("sha512", "varbinary -> varbinary", |v, _| Ok(digest::<sha2::Sha512>(v[0].bytes()))),
    strict("hmac_md5", "varbinary, varbinary -> varbinary", |v, _| hmac::<md5::Md5>(v)),
    strict("hmac_sha1", "varbinary, varbinary -> varbinary", |v, _| hmac::<sha1::Sha1>(v)),
    strict("hmac_sha256", "varbinary, varbinary -> varbinary", |v, _| hmac::<sha2::Sha256>(v)),
    strict("hmac_sha512", "varbinary, varbinary -> varbinary", |v, _| hmac::<sha2::Sha512>(v)),
    strict("xxhash64", "varbinary -> varbinary", |v, _| {
        Ok(Value::from(twox_hash::XxHash64::oneshot(0, v[0].bytes()).to_be_bytes().to_vec()))
    }),
    strict("crc32", "varbinary -> bigint", |v, _| Ok(Value::Int(crc(v[0].bytes()).into()))),
    strict("reverse", "varbinary -> varbinary", |v, _| Ok(Value::from(v[0].bytes().iter().rev().copied().collect::<Vec<_>>()))),
    strict("substr", "varbinary, bigint -> varbinary", |v, _| Ok(substr(v[0].bytes(), v[1].int(), None))),
    strict("substr", "varbinary, bigint, bigint -> varbinary", |v, _| Ok(substr(v[0].bytes(), v[1].int(), Some(v[2].int())))),
    strict("lpad", "varbinary, bigint, varbinary -> varbinary", |v, _| pad(v, true)),
    strict("rpad", "varbinary, bigint, varbinary -> varbinary", |v, _| pad(v, false)),
    strict("to_big_endian_32", "integer -> varbinary", |v, _| {
        Ok(Value::from(i32::try_from(v[0].int()).unwrap_or(0).to_be_bytes().to_vec()))
    }),
    strict("from_big_endian_32", "varbinary -> integer", |v, _| Ok(Value::Int(i32::from_be_bytes(fixed(v[0].bytes())?).into()))),
    strict("to_big_endian_64", "bigint -> varbinary", |v, _| Ok(Value::from(v[0].int().to_be_bytes().to_vec()))),
    strict("from_big_endian_64", "varbinary -> bigint", |v, _| Ok(Value::Int(i64::from_be_bytes(fixed(v[0].bytes())?)))),
    strict("to_ieee754_32", "real -> varbinary", |v, _| {
        #[expect(clippy::cast_possible_truncation, reason = "a real kept as a double")]
        Ok(Value::from((v[0].float() as f32).to_be_bytes().to_vec()))
    }),
    strict("from_ieee754_32", "varbinary -> real", |v, _| Ok(Value::Float(f32::from_be_bytes(fixed(v[0].bytes())?).into()))),
    strict("to_ieee754_64", "double -> varbinary", |v, _| Ok(Value::from(v[0].float().to_be_bytes().to_vec()))),
    strict("from_ieee754_64", "varbinary -> double", |v, _| Ok(Value::Float(f64::from_be_bytes(fixed(v[0].bytes())?)))),
];
