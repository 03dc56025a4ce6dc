//! The engine over records in memory, and the table held against the schemas.

mod conversations;
mod records;
mod reports;
mod schemas;
