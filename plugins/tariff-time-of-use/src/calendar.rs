//! Which prices hold when: local weekdays and hours, through every jump of the clock. Knows no amounts.

use plugpoint_sdk::Millis;
use plugpoint_sdk::clock::{self, LocalOffset};

use crate::settings::{DAY, Day, Prices, Rates};

const MINUTE: i64 = 60_000;
const DAYS: [Day; 7] = [Day::Thu, Day::Fri, Day::Sat, Day::Sun, Day::Mon, Day::Tue, Day::Wed];

/// Borders looked at for the next change of price: more than two weeks have with any price list.
const MAX_BORDERS: usize = 1_024;

/// A price list in a zone. Asks the host for the zone's offset once per jump of the clock.
pub(crate) struct Calendar<'r> {
    rates: &'r Rates,
    zone: &'r str,
    /// The newest offset, and from when on it is known to hold.
    offset: Option<(Millis, LocalOffset)>,
    /// Minutes of the day at which prices may change.
    borders: Vec<u32>,
}

impl<'r> Calendar<'r> {
    pub(crate) fn new(rates: &'r Rates, zone: &'r str) -> Self {
        let mut borders: Vec<_> =
            rates.bands.iter().flat_map(|band| [band.from.0, band.to.0]).collect();
        borders.push(DAY);
        borders.sort_unstable();
        Self { rates, zone, offset: None, borders }
    }

    /// The prices at a moment, and a later moment until which they surely hold; `None` for "for ever".
    pub(crate) fn at(&mut self, at: Millis) -> Result<(Prices, Option<Millis>), String> {
        if self.rates.bands.is_empty() {
            return Ok((self.rates.base, None));
        }
        let offset = self.offset(at)?;
        let utc = i64::try_from(at).map_err(|_| "a time beyond any calendar".to_owned())?;
        let local = utc + i64::from(offset.seconds) * 1_000;
        let in_day = local.rem_euclid(i64::from(DAY) * MINUTE);
        let days = local.div_euclid(i64::from(DAY) * MINUTE);
        let day = DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or_default()];
        let minute = u32::try_from(in_day / MINUTE).unwrap_or_default();
        let band = self.rates.bands.iter().find(|band| band.covers(day, minute));
        let border = self.borders.iter().find(|border| **border > minute).unwrap_or(&DAY);
        let ahead = i64::from(*border) * MINUTE - in_day;
        let next = at + u64::try_from(ahead).unwrap_or(1);
        let prices = band.map_or(self.rates.base, |band| band.prices);
        Ok((prices, Some(offset.until.map_or(next, |jump| next.min(jump)))))
    }

    fn offset(&mut self, at: Millis) -> Result<LocalOffset, String> {
        if let Some((from, offset)) = self.offset
            && from <= at
            && offset.until.is_none_or(|until| at < until)
        {
            return Ok(offset);
        }
        let offset = clock::offset(at, self.zone);
        let offset = offset.ok_or_else(|| format!("{:?} is no time zone", self.zone))?;
        self.offset = Some((at, offset));
        Ok(offset)
    }

    /// When other prices begin, after a moment.
    pub(crate) fn next_change(&mut self, after: Millis) -> Result<Option<Millis>, String> {
        let (prices, mut border) = self.at(after)?;
        for _ in 0..MAX_BORDERS {
            let Some(at) = border else { return Ok(None) };
            let (then, next) = self.at(at)?;
            if then != prices {
                return Ok(Some(at));
            }
            border = next;
        }
        Ok(None)
    }
}
