//! Loads like any other policy and traps whenever it is asked. For tests of what the host makes of that.

use plugpoint_sdk::{Ask, Authorizer, Lifecycle, NoSettings, Purpose, Token, Verdict};

struct TrapAlways;

plugpoint_sdk::export!(TrapAlways: Authorizer);

impl Lifecycle for TrapAlways {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Authorizer for TrapAlways {
    fn authorize(&self, _: &Ask, _: Purpose, _: &Token) -> Result<Verdict, String> {
        panic!("as promised")
    }
}
