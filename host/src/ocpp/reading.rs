//! From a payload to a typed view. Knows no version.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{ErrorCode, Fault};

/// Reads a payload whose required members are known to be there. `version` is for people.
pub(super) fn read<T: DeserializeOwned>(payload: &RawValue, version: &str) -> Result<T, Fault> {
    if let Ok(read) = serde_json::from_str(payload.get()) {
        return Ok(read);
    }
    // Once more with the way in mind, which costs as much as the reading and is seldom asked for.
    let mut json = serde_json::Deserializer::from_str(payload.get());
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // The reader's own words may repeat the value, and a value may be an id token: only the place is told.
        let place = error.path().to_string();
        Fault::new(
            ErrorCode::TypeConstraintViolation,
            format!("`{place}` is missing or not of the type that {version} gives it"),
        )
    })
}
