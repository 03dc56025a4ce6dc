//! Stories told from outside: a real listener, a real store in memory, a real registry, an operator with a client.

mod commands;
mod events;
mod files;
mod house;
mod plugins;
mod records;
mod rules;

pub(crate) use house::House;
