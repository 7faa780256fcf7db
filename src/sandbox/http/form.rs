//! `Form`: the fields of an HTML form as browsers send them.

use std::collections::BTreeMap;

/// The fields of `application/x-www-form-urlencoded`; of repeated ones the last counts.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let fields = pairs.map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (decode(halves.next().unwrap_or_default()), decode(halves.next().unwrap_or_default()))
        });
        Self(fields.collect())
    }

    /// The value of a field; nothing is like empty.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }
}

/// `+` is a space and `%41` an `A`; what is no such thing stays as it stands.
fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_as_browsers_encode_them() {
        let form = Form::read(b"name=M%C3%BCller+%26+Co&x=1%&y=%zz&empty=&flag&name2=%20a+");
        assert_eq!(form.get("name"), "Müller & Co");
        assert_eq!((form.get("x"), form.get("y")), ("1%", "%zz"));
        assert_eq!((form.get("empty"), form.get("flag"), form.get("none")), ("", "", ""));
        assert_eq!(form.get("name2"), "a");
    }
}
