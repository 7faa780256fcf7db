//! `KnownItems`: what a list has shown before, so that an item which comes again as it was written is
//! not read again.
//!
//! The list of ten thousand certificates comes again and again while runs wait, and few of them have
//! changed. Equal means equal byte for byte; whatever an item says is read from its own text only.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};

use super::convert::FromWire;
use super::wire::WireObject;
use crate::api::http::RawAnswer;
use crate::api::tolerant::flag;

/// The items of the last answer, by the text that each was read from.
#[derive(Debug)]
pub struct KnownItems<T>(HashMap<Box<[u8]>, Arc<T>>);

impl<T> Default for KnownItems<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> KnownItems<T> {
    /// The items of a successful answer that is a list of nothing but readable items; none for any
    /// other answer. Only these items are known from then on.
    pub(super) fn read(&mut self, answer: &RawAnswer) -> Option<Vec<Arc<T>>>
    where
        T: FromWire,
    {
        let texts = item_texts(answer)?;
        let mut known = HashMap::with_capacity(texts.len());
        let mut items = Vec::with_capacity(texts.len());
        for text in texts {
            let (text, item) = match self.0.remove_entry(text) {
                Some(entry) => entry,
                None => (Box::from(text), Arc::new(item(text)?)),
            };
            items.push(Arc::clone(&item));
            known.insert(text, item);
        }
        self.0 = known;
        Some(items)
    }
}

/// The items of a successful answer that is a list of nothing but readable items; none for any other
/// answer.
pub(super) fn plain_list<T: FromWire>(answer: &RawAnswer) -> Option<Vec<T>> {
    item_texts(answer)?.into_iter().map(item).collect()
}

fn item<T: FromWire>(text: &[u8]) -> Option<T> {
    let WireObject(wire) = serde_json::from_slice::<WireObject<T::Wire>>(text).ok()?;
    T::from_wire(wire).ok()
}

/// Cuts a successful answer whose `response` is a list into the texts of its items.
fn item_texts(answer: &RawAnswer) -> Option<Vec<&[u8]>> {
    let (mut success, mut items) = (None, None);
    let mut text = Text { rest: &answer.body };
    text.each(b'{', b'}', |text| {
        let name: String = serde_json::from_slice(text.value()?).ok()?;
        text.mark(b':')?;
        match name.as_str() {
            "success" => {
                let value: Value = serde_json::from_slice(text.value()?).ok()?;
                success = flag(value).ok()?;
            }
            "response" => {
                let mut list = Vec::new();
                text.each(b'[', b']', |text| {
                    list.push(text.value()?);
                    Some(())
                })?;
                items = Some(list);
            }
            _ => drop(text.value()?),
        }
        Some(())
    })?;
    let is_whole = text.rest.trim_ascii().is_empty();
    items.filter(|_| is_whole && answer.is_success() && success == Some(true))
}

/// JSON text that is yet to be cut.
struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    /// Takes this mark away, if it comes next.
    fn mark(&mut self, mark: u8) -> Option<()> {
        self.rest = self.rest.trim_ascii_start().strip_prefix(&[mark])?;
        Some(())
    }

    /// Takes the next value away.
    fn value(&mut self) -> Option<&'a [u8]> {
        let text = self.rest.trim_ascii_start();
        let mut values = Deserializer::from_slice(text).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let (value, rest) = text.split_at_checked(values.byte_offset())?;
        self.rest = rest;
        Some(value)
    }

    /// Takes a list or an object away; `item` takes what is between two commas.
    fn each(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.mark(open)?;
        if self.mark(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.mark(close).is_some() {
                return Some(());
            }
            self.mark(b',')?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Certificate;
    use super::*;
    use crate::api::http::{Call, Method, Request};
    use crate::types::Secret;

    fn answer(body: &str) -> RawAnswer {
        let request = Request::new(Method::Get, &["tls", "certificate"]);
        RawAnswer {
            call: Call::new(&request, &Secret::new("a-key".to_owned())),
            status: 200,
            content_type: None,
            retry_after: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn list(items: &str) -> RawAnswer {
        answer(&format!("{{\"success\":true, \"response\" : [ {items} ] ,\"error\":null}}\n"))
    }

    #[test]
    fn an_item_that_comes_as_it_was_is_the_same_and_one_that_has_changed_is_read() {
        let mut known = KnownItems::<Certificate>::default();
        let first = known.read(&list(r#"{"id":"A"},{"id":"B","status":"pending"}"#)).unwrap();
        let items = r#"{"id":"C"} , {"id":"B","status":"issued"},{"id":"A"}"#;
        let second = known.read(&list(items)).unwrap();
        assert_eq!(second.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["C", "B", "A"]);
        assert!(Arc::ptr_eq(&first[0], &second[2]));
        assert_eq!([first[1].status.as_str(), second[1].status.as_str()], ["pending", "issued"]);
        assert_eq!(known.0.len(), 3);
        assert!(known.read(&list("")).unwrap().is_empty() && known.0.is_empty());
    }

    #[test]
    fn an_item_may_hold_whatever_json_can() {
        let odd =
            r#"{"id":"A","x":["]","\"}",{"response":[1]},-1.5e3,true],"status":"\u0070ending"}"#;
        let items = plain_list::<Certificate>(&list(odd)).unwrap();
        assert_eq!((items.len(), items[0].status.as_str()), (1, "pending"));
        let twice = list(r#"{"id":"A"},{"id":"A"}"#);
        assert_eq!(KnownItems::<Certificate>::default().read(&twice).unwrap().len(), 2);
    }

    #[test]
    fn any_other_answer_is_left_to_whoever_knows_what_to_say() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"success":true}"#,
            r#"{"success":true,"response":null}"#,
            r#"{"success":false,"response":[]}"#,
            r#"{"response":[]}"#,
            r#"{"success":true,"response":[]"#,
            r#"{"success":true,"response":[]}}"#,
            r#"{"success":true,"response":[{"id":"A"}"#,
            r#"{"success":true,"response":[{"id":"A"},]}"#,
            r#"{"success":true,"response":[{"id":"A"}{"id":"B"}]}"#,
            r#"{"success":true,"response":[["A"]]}"#,
            r#"{"success":true,"response":[{"no":"id"}]}"#,
            r#"{success:true,"response":[]}"#,
        ] {
            assert!(plain_list::<Certificate>(&answer(body)).is_none(), "{body}");
            assert!(KnownItems::<Certificate>::default().read(&answer(body)).is_none(), "{body}");
        }
        let refused = RawAnswer { status: 500, ..list("") };
        assert!(plain_list::<Certificate>(&refused).is_none());
    }
}
