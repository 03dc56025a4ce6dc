//! What [`export!`](crate::export) expands to. The host never meets a policy's own types, only these functions.

use crate::bindings::authorizer::exports::plugpoint::plugin::authorizer as wit;
use crate::{
    Ask, Authorizer, Bill, Event, Inbox, Interval, Lifecycle, Message, Millis, Observer, Purpose,
    Quirks, Reply, Responder, Station, Tariff, Terms, lifecycle,
};

pub use std::cell::OnceCell;
pub use std::thread_local;

/// Makes a component of a policy: `export!(MyPolicy: Authorizer);`
///
/// Names the policy's type and, after the colon, every hook it answers. [`Lifecycle`] always is among the exports.
/// On other targets than `wasm32` it does nothing, so that `cargo test` runs the policy natively.
#[macro_export]
macro_rules! export {
    ($policy:ty: $($hook:ident),+ $(,)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            $crate::export::thread_local! {
                static POLICY: $crate::export::OnceCell<$policy> =
                    const { $crate::export::OnceCell::new() };
            }

            struct Exported;

            $crate::export_hook!(Exported, $policy, Lifecycle);
            $($crate::export_hook!(Exported, $policy, $hook);)+
        };
    };
}

/// One arm per exportable interface.
#[doc(hidden)]
#[macro_export]
macro_rules! export_hook {
    ($exported:ident, $policy:ty, Lifecycle) => {
        impl $crate::bindings::lifecycle::exports::plugpoint::plugin::lifecycle::Guest
            for $exported
        {
            fn validate(settings: String) -> Result<(), String> {
                $crate::export::validate::<$policy>(&settings)
            }

            fn configure(settings: String) -> Result<(), String> {
                let policy = $crate::export::configure::<$policy>(&settings)?;
                POLICY.with(|cell| cell.set(policy)).map_err(|_| "configured twice".to_owned())
            }

            fn migrate(other_version: String) -> Result<(), String> {
                <$policy as $crate::Lifecycle>::migrate(&other_version)
            }
        }
        $crate::bindings::lifecycle::export_lifecycle!(
            $exported with_types_in $crate::bindings::lifecycle
        );
    };
    ($exported:ident, $policy:ty, Authorizer) => {
        impl $crate::bindings::authorizer::exports::plugpoint::plugin::authorizer::Guest
            for $exported
        {
            fn authorize(
                ask: $crate::Ask,
                purpose: String,
                token: $crate::Token,
            ) -> Result<$crate::Verdict, String> {
                POLICY.with(|cell| $crate::export::authorize(cell.get(), &ask, &purpose, &token))
            }
        }
        $crate::bindings::authorizer::export_authorizer!(
            $exported with_types_in $crate::bindings::authorizer
        );
    };
    ($exported:ident, $policy:ty, Tariff) => {
        impl $crate::bindings::tariff::exports::plugpoint::plugin::tariff::Guest for $exported {
            fn offer(
                ask: $crate::Ask,
                account: Option<String>,
            ) -> Result<Option<$crate::Terms>, String> {
                POLICY.with(|cell| $crate::export::offer(cell.get(), &ask, account.as_deref()))
            }

            fn price(
                terms: $crate::Terms,
                zone: String,
                used: Vec<$crate::Interval>,
                closed: bool,
            ) -> Result<$crate::Bill, String> {
                POLICY.with(|cell| $crate::export::price(cell.get(), &terms, &zone, &used, closed))
            }
        }
        $crate::bindings::tariff::export_tariff!(
            $exported with_types_in $crate::bindings::tariff
        );
    };
    ($exported:ident, $policy:ty, Observer) => {
        impl $crate::bindings::observer::exports::plugpoint::plugin::observer::Guest
            for $exported
        {
            fn on_events(batch: Vec<$crate::Event>) -> Result<(), String> {
                POLICY.with(|cell| $crate::export::on_events(cell.get(), &batch))
            }
        }
        $crate::bindings::observer::export_observer!(
            $exported with_types_in $crate::bindings::observer
        );
    };
    ($exported:ident, $policy:ty, Inbox) => {
        impl $crate::bindings::inbox::exports::plugpoint::plugin::inbox::Guest for $exported {
            fn handle(at: $crate::Millis, message: $crate::Message) -> Result<(), String> {
                POLICY.with(|cell| $crate::export::handle(cell.get(), at, &message))
            }
        }
        $crate::bindings::inbox::export_inbox!(
            $exported with_types_in $crate::bindings::inbox
        );
    };
    ($exported:ident, $policy:ty, Quirks) => {
        impl $crate::bindings::quirks::exports::plugpoint::plugin::quirks::Guest for $exported {
            fn inbound(sender: $crate::Station, text: String) -> Result<Option<String>, String> {
                POLICY.with(|cell| $crate::export::inbound(cell.get(), &sender, &text))
            }

            fn outbound(
                receiver: $crate::Station,
                text: String,
                answers: Option<String>,
            ) -> Result<Option<String>, String> {
                let answers = answers.as_deref();
                POLICY.with(|cell| $crate::export::outbound(cell.get(), &receiver, &text, answers))
            }
        }
        $crate::bindings::quirks::export_quirks!(
            $exported with_types_in $crate::bindings::quirks
        );
    };
    ($exported:ident, $policy:ty, Responder) => {
        impl $crate::bindings::responder::exports::plugpoint::plugin::responder::Guest
            for $exported
        {
            fn answer(
                ask: $crate::Ask,
                action: String,
                payload: String,
            ) -> Result<Option<$crate::Reply>, String> {
                POLICY.with(|cell| $crate::export::answer(cell.get(), &ask, &action, &payload))
            }
        }
        $crate::bindings::responder::export_responder!(
            $exported with_types_in $crate::bindings::responder
        );
    };
}

pub fn validate<P: Lifecycle>(settings: &str) -> Result<(), String> {
    P::validate(lifecycle::parse(settings)?)
}

pub fn configure<P: Lifecycle>(settings: &str) -> Result<P, String> {
    P::configure(lifecycle::parse(settings)?)
}

pub fn authorize<P: Authorizer>(
    policy: Option<&P>,
    ask: &Ask,
    purpose: &str,
    token: &wit::Token,
) -> Result<wit::Verdict, String> {
    configured(policy)?.authorize(ask, Purpose::from_text(purpose), token)
}

pub fn offer<P: Tariff>(
    policy: Option<&P>,
    ask: &Ask,
    account: Option<&str>,
) -> Result<Option<Terms>, String> {
    configured(policy)?.offer(ask, account)
}

pub fn price<P: Tariff>(
    policy: Option<&P>,
    terms: &Terms,
    zone: &str,
    used: &[Interval],
    closed: bool,
) -> Result<Bill, String> {
    configured(policy)?.price(terms, zone, used, closed)
}

pub fn on_events<P: Observer>(policy: Option<&P>, batch: &[Event]) -> Result<(), String> {
    configured(policy)?.on_events(batch)
}

pub fn handle<P: Inbox>(policy: Option<&P>, at: Millis, message: &Message) -> Result<(), String> {
    configured(policy)?.handle(at, message)
}

pub fn inbound<P: Quirks>(
    policy: Option<&P>,
    sender: &Station,
    text: &str,
) -> Result<Option<String>, String> {
    configured(policy)?.inbound(sender, text)
}

pub fn outbound<P: Quirks>(
    policy: Option<&P>,
    receiver: &Station,
    text: &str,
    answers: Option<&str>,
) -> Result<Option<String>, String> {
    configured(policy)?.outbound(receiver, text, answers)
}

pub fn answer<P: Responder>(
    policy: Option<&P>,
    ask: &Ask,
    action: &str,
    payload: &str,
) -> Result<Option<Reply>, String> {
    configured(policy)?.answer(ask, action, payload)
}

fn configured<P>(policy: Option<&P>) -> Result<&P, String> {
    policy.ok_or_else(|| "the host has not configured this instance".to_owned())
}
