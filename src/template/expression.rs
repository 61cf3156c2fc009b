//! How is a value generated (`generate: expression`)? Text, with classes of characters in between: `user[A-Z0-9]{3}`.
//!
//! The syntax is OpenShift's, its faults are not: a range includes its last character, and every character of a class
//! is equally likely. The entry points are [`Expression::parse`] and [`Expression::generate`].

/// The characters of ranges, in their order: OpenShift accepts `a-Z` and `a-9`, too.
const RANGE_ORDER: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const DIGITS: &[u8] = b"0123456789";
const SYMBOLS: &[u8] = b"~!@#$%^&*()-_+={}[]\\|<,>.?/\"';:`";

/// How many characters a class can generate.
const MAX_CLASS_LENGTH: usize = 255;

/// How many bytes of randomness are taken at a time.
const RANDOM_BYTES: usize = 32;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// Characters drawn from an alphabet without duplicates.
    Random {
        alphabet: Vec<u8>,
        length: usize,
    },
}

impl Expression {
    /// Parses an expression, or says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty; write for example [a-zA-Z0-9]{16}".to_owned());
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('[') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (class, after) = after.split_once("]{").ok_or_else(unfinished)?;
            let (length, after) = after.split_once('}').ok_or_else(unfinished)?;
            parts.push(Part::Random { alphabet: alphabet(class)?, length: class_length(length)? });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Generates a value. `random` fills its argument with random bytes.
    pub(super) fn generate(&self, random: &mut dyn FnMut(&mut [u8])) -> String {
        let mut value = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => value.push_str(text),
                Part::Random { alphabet, length } => draw(alphabet, *length, random, &mut value),
            }
        }
        value
    }
}

/// Appends characters of the alphabet. A byte beyond the last multiple of the alphabet's size is drawn again: its
/// remainder would make the first characters likelier than the others.
fn draw(alphabet: &[u8], length: usize, random: &mut dyn FnMut(&mut [u8]), value: &mut String) {
    let size = alphabet.len();
    let usable = 256 - 256 % size.max(1);
    let end = value.len() + length;
    let mut bytes = [0; RANDOM_BYTES];
    while value.len() < end && size > 0 {
        random(&mut bytes);
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < usable);
        let characters = drawn.filter_map(|byte| alphabet.get(byte % size)).map(|byte| char::from(*byte));
        value.extend(characters.take(end - value.len()));
    }
}

fn unfinished() -> String {
    "a class needs a closing bracket and a length, such as [a-z]{8}".to_owned()
}

fn class_length(text: &str) -> Result<usize, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text);
    let length = digits.and_then(|digits| digits.parse().ok());
    length
        .filter(|length| (1..=MAX_CLASS_LENGTH).contains(length))
        .ok_or_else(|| format!("the length of a class must be a number from 1 to {MAX_CLASS_LENGTH}"))
}

/// The characters of a class such as `a-zA-Z0-9` or `\w`, each once.
fn alphabet(class: &str) -> Result<Vec<u8>, String> {
    let invalid = || format!("the class [{class}] may contain ranges such as a-z, and \\w, \\d, \\a, \\A");
    let mut alphabet = Vec::new();
    let mut rest = class.as_bytes();
    while !rest.is_empty() {
        rest = match rest {
            [b'\\', b'w', rest @ ..] => {
                alphabet.extend_from_slice(RANGE_ORDER);
                alphabet.push(b'_');
                rest
            }
            [b'\\', b'a', rest @ ..] => {
                alphabet.extend_from_slice(RANGE_ORDER);
                rest
            }
            [b'\\', b'd', rest @ ..] => {
                alphabet.extend_from_slice(DIGITS);
                rest
            }
            [b'\\', b'A', rest @ ..] => {
                alphabet.extend_from_slice(SYMBOLS);
                rest
            }
            [first, b'-', last, rest @ ..] => {
                alphabet.extend_from_slice(range(*first, *last).ok_or_else(invalid)?);
                rest
            }
            _ => return Err(invalid()),
        };
    }
    alphabet.sort_unstable();
    alphabet.dedup();
    if alphabet.is_empty() { Err(invalid()) } else { Ok(alphabet) }
}

fn range(first: u8, last: u8) -> Option<&'static [u8]> {
    let position = |character| RANGE_ORDER.iter().position(|candidate| *candidate == character);
    RANGE_ORDER.get(position(first)?..=position(last)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::tests::random;

    fn characters(expression: &str) -> BTreeSet<char> {
        let expression = Expression::parse(expression).unwrap();
        let mut random = random();
        (0..200).flat_map(|_| expression.generate(&mut random).chars().collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_range_includes_its_last_character() {
        assert_eq!(characters("[0-1]{8}"), BTreeSet::from(['0', '1']));
        assert_eq!(characters("[a-z]{255}"), ('a'..='z').collect());
        assert_eq!(characters("[a-zA-Z0-9]{255}").len(), 62);
        assert_eq!(characters("[a-Z]{255}").len(), 52);
        assert_eq!(characters("[a-a]{5}"), BTreeSet::from(['a']));
    }

    #[test]
    fn classes_have_openshifts_names() {
        assert_eq!(characters("[\\w]{50}").len(), 63);
        assert_eq!(characters("[\\d]{50}"), ('0'..='9').collect());
        assert_eq!(characters("[\\a]{50}").len(), 62);
        assert_eq!(characters("[\\A]{50}").len(), SYMBOLS.len());
        assert_eq!(characters("[\\da-c0-9]{50}").len(), 13);
    }

    #[test]
    fn text_stays_and_lengths_are_kept() {
        let value = Expression::parse("user[A-Z0-9]{3}-[\\w]{50}!").unwrap().generate(&mut random());
        assert_eq!((value.len(), value.starts_with("user"), value.ends_with('!')), (59, true, true));
        assert_eq!(Expression::parse("plain {3}").unwrap().generate(&mut random()), "plain {3}");
    }

    #[test]
    fn characters_are_equally_likely() {
        // 62 does not divide 256: with a plain remainder the first eight characters would be a quarter likelier.
        let expression = Expression::parse("[a-zA-Z0-9]{255}").unwrap();
        let (mut random, mut counts) = (random(), [0_u32; 128]);
        for _ in 0..1000 {
            expression.generate(&mut random).bytes().for_each(|byte| counts[usize::from(byte)] += 1);
        }
        let seen: Vec<_> = counts.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(seen.len(), 62);
        assert!(seen.iter().all(|count| (3700..4600).contains(count)), "{seen:?}");
    }

    #[test]
    fn invalid_expressions_are_refused() {
        for text in [
            "",
            "[ABC]{3}",
            "[a-z]",
            "[a-z]{0}",
            "[a-z]{256}",
            "[a-z]{}",
            "[a-z]{+3}",
            "[a-z]{3",
            "[z-a]{3}",
            "[]{3}",
            "[a-]{3}",
            "[\\x]{3}",
            "[ä-ü]{3}",
            "[a-z]{99999999999999999999}",
            "[a-z b]{3}",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
