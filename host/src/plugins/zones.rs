//! What the clocks on the wall show, from the time zone data in this binary. Knows no guest.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::bindings::plugpoint::plugin::clock::LocalOffset;

/// The offset of a zone at a moment; `None` for names that are no zone and times that no calendar has.
pub(super) fn offset(at: u64, zone: &str) -> Option<LocalOffset> {
    let zone = TimeZone::get(zone).ok()?;
    let at = Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()?;
    let seconds = zone.to_offset(at).seconds();
    // Zones also change their names and rules without a jump of the clock.
    let jump = zone.following(at).take(MAX_CHANGES).find(|next| next.offset().seconds() != seconds);
    let until = jump.and_then(|jump| u64::try_from(jump.timestamp().as_millisecond()).ok());
    Some(LocalOffset { seconds, until })
}

/// Changes of a zone that are looked at for one with another offset.
const MAX_CHANGES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMER_2026: u64 = 1_774_746_000_000; // 2026-03-29T01:00:00Z
    const WINTER_2026: u64 = 1_792_890_000_000; // 2026-10-25T01:00:00Z

    fn of(at: u64, zone: &str) -> Option<(i32, Option<u64>)> {
        offset(at, zone).map(|offset| (offset.seconds, offset.until))
    }

    #[test]
    fn clocks_jump_at_the_moment_that_the_law_says() {
        let berlin = |at| of(at, "Europe/Berlin");
        assert_eq!(berlin(SUMMER_2026 - 1), Some((3_600, Some(SUMMER_2026))));
        assert_eq!(berlin(SUMMER_2026), Some((7_200, Some(WINTER_2026))));
        assert_eq!(berlin(WINTER_2026 - 1), Some((7_200, Some(WINTER_2026))));
        assert_eq!(of(WINTER_2026, "Asia/Kolkata"), Some((19_800, None)));
        assert_eq!(of(WINTER_2026, "UTC"), Some((0, None)));
    }

    #[test]
    fn what_is_no_zone_has_no_time() {
        assert_eq!(of(0, "Mars/Olympus"), None);
        assert_eq!(of(u64::MAX, "UTC"), None);
    }
}
