//! Numbers that people read out: counted from 1, and none is given twice. Knows nothing of what they count.

/// Makes a number's type, with what a message calls its kind.
macro_rules! counted {
    ($(#[$meta:meta])* $name:ident, $kind:literal) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(std::num::NonZeroU32);

        impl $name {
            pub const FIRST: Self = Self(std::num::NonZeroU32::MIN);
            pub const LAST: Self = Self(std::num::NonZeroU32::MAX);

            pub fn new(number: u32) -> Option<Self> {
                std::num::NonZeroU32::new(number).map(Self)
            }

            pub const fn get(self) -> u32 {
                self.0.get()
            }

            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let number = text.parse().ok().and_then(Self::new);
                number.ok_or($crate::domain::InvalidName { kind: $kind, rule: "a number from 1" })
            }
        }
    };
}

pub(super) use counted;
