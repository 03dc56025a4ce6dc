//! What `wit-bindgen` makes of the contract. Nothing else here: the crate's other files wrap it.
//!
//! One `generate!` for the imports and one for each interface that a plugin may export, because a component must
//! export what its world promises, and only the plugin knows which hooks it has. `wit-component` merges the worlds.

/// The capabilities.
pub mod imports {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "imports",
        generate_all,
        additional_derives: [PartialEq],
    });
}

/// The `lifecycle` export.
pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "lifecycle-only",
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
    });
}

/// The `authorizer` export.
pub mod authorizer {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "authorizer-only",
        pub_export_macro: true,
        export_macro_name: "export_authorizer",
        additional_derives: [PartialEq],
        with: { "plugpoint:plugin/types@0.1.0": crate::bindings::imports::plugpoint::plugin::types },
    });
}

/// The `tariff` export.
pub mod tariff {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "tariff-only",
        pub_export_macro: true,
        export_macro_name: "export_tariff",
        additional_derives: [PartialEq],
        with: { "plugpoint:plugin/types@0.1.0": crate::bindings::imports::plugpoint::plugin::types },
    });
}

/// The `observer` export.
pub mod observer {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "observer-only",
        pub_export_macro: true,
        export_macro_name: "export_observer",
        additional_derives: [PartialEq],
        with: { "plugpoint:plugin/types@0.1.0": crate::bindings::imports::plugpoint::plugin::types },
    });
}

/// The `inbox` export.
pub mod inbox {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "inbox-only",
        pub_export_macro: true,
        export_macro_name: "export_inbox",
        additional_derives: [PartialEq],
        with: { "plugpoint:plugin/types@0.1.0": crate::bindings::imports::plugpoint::plugin::types },
    });
}

/// The `quirks` export.
pub mod quirks {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "quirks-only",
        pub_export_macro: true,
        export_macro_name: "export_quirks",
        additional_derives: [PartialEq],
        with: { "plugpoint:plugin/types@0.1.0": crate::bindings::imports::plugpoint::plugin::types },
    });
}

/// The `responder` export.
pub mod responder {
    wit_bindgen::generate!({
        path: "../wit/0.1.0",
        world: "responder-only",
        pub_export_macro: true,
        export_macro_name: "export_responder",
        additional_derives: [PartialEq],
        with: { "plugpoint:plugin/types@0.1.0": crate::bindings::imports::plugpoint::plugin::types },
    });
}
