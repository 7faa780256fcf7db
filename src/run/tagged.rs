//! `tagged_enum!`: enums whose variant stands in a field `type`, read as they come.
//!
//! What serde derives for `#[serde(tag = "type")]` cannot know that this field comes first: it keeps
//! all fields aside and reads them a second time. We write it first, and an event is read with a
//! sixth fewer instructions without that. Where it is not first, what serde derives reads it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{EnumAccessDeserializer, MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// The field that names the variant.
const TAG: &str = "type";

/// Makes an enum that is written with its variant in a field `type`, and read as it comes.
///
/// Variants have named fields, or one struct in them.
macro_rules! tagged_enum {
    ($(#[$attribute:meta])* $visibility:vis enum $name:ident { $($variants:tt)* }) => {
        $(#[$attribute])*
        #[derive(serde::Serialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        $visibility enum $name { $($variants)* }

        const _: () = {
            use serde::Deserializer;

            type Subject = $name;

            #[derive(serde::Deserialize)]
            #[serde(remote = "Subject", rename_all = "snake_case")]
            enum TagFirst { $($variants)* }

            #[derive(serde::Deserialize)]
            #[serde(remote = "Subject", tag = "type", rename_all = "snake_case")]
            enum TagAnywhere { $($variants)* }

            impl<'de> $crate::run::tagged::Tagged<'de> for $name {
                const NAME: &'static str = stringify!($name);

                fn tag_first<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    TagFirst::deserialize(deserializer)
                }

                fn tag_anywhere<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    TagAnywhere::deserialize(deserializer)
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    $crate::run::tagged::read(deserializer)
                }
            }
        };
    };
}
pub(super) use tagged_enum;

/// What serde derives to read such an enum.
pub(super) trait Tagged<'de>: Sized {
    /// What it is called in errors.
    const NAME: &'static str;

    /// Without a tag: asks for an enum, and takes the fields as they come.
    fn tag_first<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// With a tag: takes whatever there is, and keeps the fields aside until it has found the tag.
    fn tag_anywhere<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Reads one from fields in any order; the fast way when the tag is the first of them.
pub(super) fn read<'de, T: Tagged<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(Start(PhantomData))
}

struct Start<T>(PhantomData<T>);

impl<'de, T: Tagged<'de>> Visitor<'de> for Start<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "internally tagged enum {}", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<T, A::Error> {
        match fields.next_key::<Key<'de>>()? {
            Some(key) if key.0 == TAG => {
                T::tag_first(EnumAccessDeserializer::new(AtTag { fields }))
            }
            first => T::tag_anywhere(MapAccessDeserializer::new(WithFirst { first, fields })),
        }
    }

    // No program of ours ever wrote it so; what serde derives reads it.
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::tag_anywhere(SeqAccessDeserializer::new(items))
    }
}

/// Fields of which the value of the tag is the next to be read.
struct AtTag<A> {
    fields: A,
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for AtTag<A> {
    type Error = A::Error;
    type Variant = AfterTag<A>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        mut self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let variant = self.fields.next_value_seed(seed)?;
        Ok((variant, AfterTag { fields: self.fields }))
    }
}

/// The fields behind the tag.
struct AfterTag<A> {
    fields: A,
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for AfterTag<A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while self.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, A::Error> {
        // serde derives nothing for a tagged enum with such a variant.
        Err(de::Error::invalid_type(de::Unexpected::Map, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for AfterTag<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        match self.fields.next_key::<Key<'de>>()? {
            Some(key) if key.0 == TAG => Err(de::Error::duplicate_field(TAG)),
            Some(key) => seed.deserialize(key.0.into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.fields.next_value_seed(seed)
    }
}

/// All fields, the first of which has been read already.
struct WithFirst<'de, A> {
    first: Option<Key<'de>>,
    fields: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithFirst<'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        match self.first.take() {
            Some(key) => seed.deserialize(key.0.into_deserializer()).map(Some),
            None => self.fields.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.fields.next_value_seed(seed)
    }
}

/// The name of a field; a part of the text that is read, where it stands there as it is.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl<'de> Visitor<'de> for Name {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a field")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }

            fn visit_string<E: de::Error>(self, name: String) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(name)))
            }
        }

        deserializer.deserialize_identifier(Name)
    }
}

#[cfg(test)]
#[path = "tagged_tests.rs"]
mod tests;
