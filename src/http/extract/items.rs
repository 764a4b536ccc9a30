//! Arrays, objects and integers inside a body.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::member_names::member_names;
use crate::domain::json::unique_keys::DUPLICATE_KEY;
use crate::domain::pagination::MAX_BATCH;

/// An array of at most [`MAX_BATCH`] items; of a longer one, no further item is deserialised.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Items<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ItemsVisitor<T> {
            type Value = Items<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Items<T>, A::Error> {
                let mut list = Vec::new();
                while list.len() < MAX_BATCH {
                    match items.next_element()? {
                        Some(item) => list.push(item),
                        None => return Ok(Items(list)),
                    }
                }
                match items.next_element::<IgnoredAny>()? {
                    Some(_) => Err(A::Error::custom("too many items")),
                    None => Ok(Items(list)),
                }
            }
        }
        // serde_json treats a tuple struct as an array; `ShapeProbe` learns the limit from it.
        deserializer.deserialize_tuple_struct("Items", MAX_BATCH, ItemsVisitor(PhantomData))
    }
}

/// An object inside a body. (serde alone also deserialises a struct from an array of its members in declaration order.)
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Object<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }
        deserializer.deserialize_struct("Object", member_names::<T>(), ObjectVisitor(PhantomData))
    }
}

/// An integer. Whether it is within the bounds of its member, the command says.
#[derive(Clone, Copy, Debug)]
pub struct Integer(pub i128);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntegerVisitor;
        impl Visitor<'_> for IntegerVisitor {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Integer, E> {
                Ok(Integer(value.into()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Integer, E> {
                Ok(Integer(value.into()))
            }
        }
        deserializer.deserialize_i64(IntegerVisitor)
    }
}

/// An object whose keys are data. Rejects duplicate keys, of which a `HashMap` would keep the last.
#[derive(Debug)]
pub struct Entries<T>(pub HashMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entries<T>, A::Error> {
                let mut entries = HashMap::new();
                while let Some((key, value)) = members.next_entry()? {
                    if entries.insert(key, value).is_some() {
                        return Err(A::Error::custom(DUPLICATE_KEY));
                    }
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}
