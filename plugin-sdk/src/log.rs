//! Lines for the operator's log. The host adds the plugin's name, cuts long lines and silences a call that writes many.

pub use crate::bindings::imports::plugpoint::plugin::log::Level;

pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}

pub fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::imports::plugpoint::plugin::log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::log(level, message);
}
