//! Where bytes of interest stand, 64 bytes at a time.
//!
//! A look at every byte decides how fast logs are read, so it is done sixteen bytes at a time. Shorter pieces are
//! words of eight bytes, the first in the lowest place.

use wide::u8x16;

/// How many bytes one mask covers.
pub(crate) const BLOCK_BYTES: usize = 64;

/// Bit `n` is set where byte `n` equals `wanted`.
#[inline]
pub(crate) fn equal(block: &[u8; BLOCK_BYTES], wanted: u8) -> u64 {
    fold(block, |lane| lane_equal(lane, wanted).to_bitmask())
}

/// Bit `n` is set where byte `n` equals one of the two.
#[inline]
pub(crate) fn equal_either(block: &[u8; BLOCK_BYTES], one: u8, other: u8) -> (u64, u64) {
    (equal(block, one), equal(block, other))
}

/// Bit `n` is set where byte `n` ends or breaks the run of plain characters in a JSON string: a quote, a
/// backslash or a control character (RFC 8259 §7).
#[inline]
pub(crate) fn ends_plain_text(block: &[u8; BLOCK_BYTES]) -> u64 {
    fold(block, |lane| {
        // With this bit turned, a quote changes places with a blank, and control characters stay below it.
        let turned = lane ^ u8x16::splat(b'"' ^ b' ');
        let up_to_blank = turned.min(u8x16::splat(b' ')).simd_eq(turned);
        (lane_equal(lane, b'\\') | up_to_blank).to_bitmask()
    })
}

/// The first bytes of `rest` and zeroes behind them.
#[inline]
pub(crate) fn padded(rest: &[u8]) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    block.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    block
}

#[inline]
fn fold(block: &[u8; BLOCK_BYTES], of: impl Fn(u8x16) -> u32) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().rev().fold(0, |bits, part| bits << 16 | u64::from(of(u8x16::new(*part))))
}

#[inline]
fn lane_equal(lane: u8x16, wanted: u8) -> u8x16 {
    lane.simd_eq(u8x16::splat(wanted))
}

/// Where the dots stand in 16 bytes, and where the digits.
#[inline]
pub(crate) fn dots_and_digits(bytes: &[u8; 16]) -> (u32, u32) {
    let lane = u8x16::new(*bytes);
    let above_zero = lane - u8x16::splat(b'0');
    let digits = above_zero.min(u8x16::splat(9)).simd_eq(above_zero);
    (lane_equal(lane, b'.').to_bitmask(), digits.to_bitmask())
}

/// The same, and where the zeroes.
#[inline]
pub(crate) fn dots_digits_and_zeroes(bytes: &[u8; 16]) -> (u32, u32, u32) {
    let (dots, digits) = dots_and_digits(bytes);
    (dots, digits, lane_equal(u8x16::new(*bytes), b'0').to_bitmask())
}

/// Where the colons stand in 48 bytes, and where the hexadecimal digits.
#[inline]
pub(crate) fn colons_and_hexadecimal(bytes: &[u8; 48]) -> (u64, u64) {
    let (parts, _) = bytes.as_chunks::<16>();
    parts.iter().rev().fold((0, 0), |(colons, digits), part| {
        let lane = u8x16::new(*part);
        let above_zero = lane - u8x16::splat(b'0');
        let above_a = (lane | u8x16::splat(0x20)) - u8x16::splat(b'a');
        let is_digit = above_zero.min(u8x16::splat(9)).simd_eq(above_zero)
            | above_a.min(u8x16::splat(5)).simd_eq(above_a);
        let colon = u64::from(lane_equal(lane, b':').to_bitmask());
        (colons << 16 | colon, digits << 16 | u64::from(is_digit.to_bitmask()))
    })
}

/// How many bytes [`same`] compares.
pub(crate) const LITERAL_BYTES: usize = 32;

/// Bit `n` is set where byte `n` is the same in both.
#[inline]
pub(crate) fn same(one: &[u8; LITERAL_BYTES], other: &[u8; LITERAL_BYTES]) -> u32 {
    let (one, other) = (one.as_chunks::<16>().0, other.as_chunks::<16>().0);
    let masks = one.iter().zip(other).rev();
    masks.fold(0, |bits, (one, other)| {
        bits << 16 | u8x16::new(*one).simd_eq(u8x16::new(*other)).to_bitmask()
    })
}

/// Bit `n` is set where byte `n` is a digit.
#[inline]
pub(crate) fn digits(bytes: &[u8; LITERAL_BYTES]) -> u32 {
    bytes.as_chunks::<16>().0.iter().rev().fold(0, |bits, part| {
        let above_zero = u8x16::new(*part) - u8x16::splat(b'0');
        bits << 16 | above_zero.min(u8x16::splat(9)).simd_eq(above_zero).to_bitmask()
    })
}

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = ONES * 0x80;
const SEVENS: u64 = ONES * 0x7f;

/// The top bit of each byte that equals `wanted`.
#[inline]
pub(crate) const fn tops_equal(word: u64, wanted: u8) -> u64 {
    let differs = word ^ (ONES * wanted as u64);
    !(((differs & SEVENS) + SEVENS) | differs | SEVENS)
}

/// Whether all bytes are ASCII and none of the first five is a colon or a bracket.
#[inline]
pub(crate) fn begins_as_name(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) else {
        return text.is_ascii() && !text.iter().take(5).any(|byte| matches!(byte, b':' | b'['));
    };
    // What is left behind whole words is in the last eight bytes; a loop over it would be guessed wrong.
    let (words, _) = text.as_chunks::<8>();
    let all =
        words.iter().fold(u64::from_le_bytes(*last), |all, word| all | u64::from_le_bytes(*word));
    let first = u64::from_le_bytes(*first);
    let special = (tops_equal(first, b':') | tops_equal(first, b'[')) & 0xff_ffff_ffff;
    (all & TOPS) | special == 0
}

/// The word with its capital letters made small.
#[inline]
pub(crate) const fn lower(word: u64) -> u64 {
    let seven = word & SEVENS;
    let above = seven + ONES * (0x7f - b'Z') as u64;
    let from = seven + ONES * (0x80 - b'A') as u64;
    word | ((!word & TOPS & (from ^ above)) >> 2)
}

/// How many digits the eight bytes begin with.
#[inline]
pub(crate) const fn leading_digits(word: u64) -> usize {
    // A byte is a digit if taking `0` away leaves less than ten; the top bits say where that is not so.
    let other = word ^ (ONES * b'0' as u64);
    let not = (((other & SEVENS) + ONES * (0x80 - 10)) | other) & TOPS;
    not.trailing_zeros() as usize / 8
}

/// Whether all eight bytes are digits.
#[inline]
pub(crate) const fn are_digits(word: u64) -> bool {
    let other = word ^ (ONES * b'0' as u64);
    (((other & SEVENS) + ONES * (0x80 - 10)) | other) & TOPS == 0
}

/// The value of eight digits, the first in the lowest byte.
#[inline]
pub(crate) const fn eight_digits(word: u64) -> u64 {
    let word = word & (ONES * 0x0f);
    let pairs = (word.wrapping_mul(10) + (word >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff
}

/// The four bytes that eight hexadecimal digits mean, the first digit in the lowest byte.
#[inline]
pub(crate) const fn four_bytes(word: u64) -> Option<[u8; 4]> {
    let low = lower(word);
    // The top bit of each byte says of what kind it is; sums of seven bits do not reach into the next byte.
    let digit = low ^ (ONES * 0x30);
    let is_digit = !(((digit & SEVENS) + ONES * (0x80 - 10)) | digit);
    let seven = low & SEVENS;
    let from_a = seven + ONES * (0x80 - 0x61);
    let from_g = seven + ONES * (0x80 - 0x67);
    let is_letter = from_a & !from_g & !low;
    if (is_digit | is_letter) & TOPS != TOPS {
        return None;
    }
    let letters = (is_letter & TOPS) >> 7;
    let nibbles = (low & (ONES * 0x0f)) + letters * 9;
    let pairs = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff;
    let bytes = pairs.to_le_bytes();
    Some([bytes[0], bytes[2], bytes[4], bytes[6]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(block: &[u8], is: impl Fn(u8) -> bool) -> u64 {
        block.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(is(*byte)))
    }

    proptest! {
        #[test]
        fn masks_are_those_of_a_loop(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'.'), Just(b'7'), Just(b'0'), Just(b':'), Just(b'c'), Just(b'F'), Just(b'G'), Just(b'\t'), Just(0x1f)], 64..65),
        ) {
            let block: &[u8; 64] = bytes.as_slice().try_into().unwrap();
            prop_assert_eq!(equal_either(block, b'\t', b'.'), (naive(block, |b| b == b'\t'), naive(block, |b| b == b'.')));
            prop_assert_eq!(ends_plain_text(block), naive(block, |b| b == b'"' || b == b'\\' || b < 0x20));
            let first: &[u8; 16] = bytes.first_chunk().unwrap();
            let (dots, digits) = dots_and_digits(first);
            prop_assert_eq!(u64::from(dots), naive(first, |b| b == b'.'));
            prop_assert_eq!(u64::from(digits), naive(first, |b| b.is_ascii_digit()));
            prop_assert_eq!(dots_digits_and_zeroes(first), (dots, digits, u32::try_from(naive(first, |b| b == b'0')).unwrap()));
            let first: &[u8; 48] = bytes.first_chunk().unwrap();
            let expected = (naive(first, |b| b == b':'), naive(first, |b| b.is_ascii_hexdigit()));
            prop_assert_eq!(colons_and_hexadecimal(first), expected);
        }

        #[test]
        fn a_name_begins_as_in_a_loop(text in "[a-z:.\\[]{0,6}[a-z:é]{0,20}") {
            let text = text.as_bytes();
            let expected = text.is_ascii() && !text.iter().take(5).any(|byte| matches!(byte, b':' | b'['));
            prop_assert_eq!(begins_as_name(text), expected);
        }

        #[test]
        fn words_are_those_of_a_loop(bytes: [u8; 8]) {
            let word = u64::from_le_bytes(bytes);
            prop_assert_eq!(lower(word).to_le_bytes(), bytes.map(|byte| byte.to_ascii_lowercase()));
            let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(leading_digits(word), digits);
            prop_assert_eq!(are_digits(word), digits == 8);
            let tops = naive(&bytes, |byte| byte == b'.');
            let spread = (0..8).fold(0, |bits, at| bits | (tops >> at & 1) << (at * 8 + 7));
            prop_assert_eq!(tops_equal(word, b'.'), spread);
        }

        #[test]
        fn hexadecimal_digits_are_those_of_a_loop(text in "[0-9a-fA-F]{8}|[0-9a-fA-F]{3}[/:@G`g][0-9a-fA-F]{4}", byte: u8) {
            let mut bytes: [u8; 8] = text.as_bytes().try_into().unwrap();
            for put in [bytes[3], byte] {
                bytes[3] = put;
                let digits: Option<Vec<u8>> = bytes.iter().map(|byte| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
                let expected = digits.map(|it| [it[0] << 4 | it[1], it[2] << 4 | it[3], it[4] << 4 | it[5], it[6] << 4 | it[7]]);
                prop_assert_eq!(four_bytes(u64::from_le_bytes(bytes)), expected);
            }
        }

        #[test]
        fn digits_are_digits(text in "[0-9]{8}|[0-9]{3}[/:a ][0-9]{4}") {
            let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            prop_assert_eq!(are_digits(word), text.bytes().all(|byte| byte.is_ascii_digit()));
        }

        #[test]
        fn digits_have_their_value(value in 0_u64..100_000_000) {
            let text = format!("{value:08}");
            let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            prop_assert_eq!(eight_digits(word), value);
        }
    }
}
