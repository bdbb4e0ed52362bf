//! Places of a stream that were handed out on one page, small: the first stands beside, the rest are differences.
//!
//! A page of a thousand objects costs about three kilobytes, so that the record of who got what can be kept for good.

/// Bytes one difference takes at most (64 bits in groups of seven).
const GROUPS_MAX: u32 = 10;

/// The differences of rising numbers, each as unsigned LEB128; the first number is kept elsewhere.
pub fn encode(rising: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (before, after) in rising.iter().zip(rising.iter().skip(1)) {
        let mut rest = after.wrapping_sub(*before).cast_unsigned();
        loop {
            let low = u8::try_from(rest & 0x7f).unwrap_or(0);
            rest >>= 7;
            if rest == 0 {
                bytes.push(low);
                break;
            }
            bytes.push(low | 0x80);
        }
    }
    bytes
}

/// The numbers again; `None` for bytes that [`encode`] does not make.
pub fn decode(first: i64, bytes: &[u8]) -> Option<Vec<i64>> {
    let mut rising = vec![first];
    let (mut at, mut number, mut groups) = (first, 0u64, 0u32);
    for byte in bytes {
        if groups >= GROUPS_MAX {
            return None;
        }
        number |= u64::from(byte & 0x7f).checked_shl(groups * 7)?;
        groups += 1;
        if byte & 0x80 == 0 {
            at = at.checked_add(i64::try_from(number).ok()?)?;
            rising.push(at);
            (number, groups) = (0, 0);
        }
    }
    (groups == 0).then_some(rising)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(first in 0i64..1 << 52, steps in prop::collection::vec(1i64..1 << 30, 0..50)) {
            let mut rising = vec![first];
            for step in steps {
                rising.push(rising.last().unwrap() + step);
            }
            prop_assert_eq!(decode(first, &encode(&rising)), Some(rising));
        }

        #[test]
        fn damage_is_noticed_or_gives_other_numbers_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(rising) = decode(5, &bytes) {
                prop_assert!(rising.is_sorted());
            }
        }
    }
}
