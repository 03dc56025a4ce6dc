//! What wasmtime makes of the contract (`wit/0.1.0`). Nothing else here, so that generated code stays apart.

wasmtime::component::bindgen!({
    path: "../wit/0.1.0",
    world: "plugin-host",
    // Questions are lent to the guest, not copied first: a call allocates no string on this side.
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { default: trappable },
    exports: { default: async },
});
