//! A calendar to hand out: UTC throughout, so that no client needs a table of zones.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarProperty, ICalendarTransparency, ICalendarValue, Uri,
};

use crate::env::Timestamp;

/// Who wrote it (RFC 5545 §3.7.3).
const PRODUCT: &str = "-//Countersign//Calendar//EN";

/// One entry of such a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names it for ever: whoever fetches again changes the entry instead of adding one.
    pub uid: String,
    /// Its title.
    pub name: String,
    /// More on it; may be empty.
    pub about: String,
    /// What it concerns.
    pub categories: Vec<String>,
    /// Where more stands.
    pub url: Option<String>,
    /// From this moment on.
    pub starts: Timestamp,
    /// The first moment after it.
    pub ends: Timestamp,
}

/// A calendar called `name`, as of `now`.
#[must_use]
pub fn write(name: &str, entries: &[Entry], now: Timestamp) -> String {
    let mut root = ICalendarComponent::new(ICalendarComponentType::VCalendar);
    root.add_property(ICalendarProperty::Version, "2.0");
    root.add_property(ICalendarProperty::Prodid, PRODUCT);
    // RFC 7986 §5.1, §5.7; the second name is what older clients know.
    root.add_property(ICalendarProperty::Name, name);
    root.add_property(ICalendarProperty::Other("X-WR-CALNAME".to_owned()), name);
    let mut components = vec![root];
    for entry in entries {
        let id = u32::try_from(components.len()).unwrap_or(u32::MAX);
        components[0].component_ids.push(id);
        components.push(event(entry, now));
    }
    ICalendar { components }.to_string()
}

fn event(entry: &Entry, now: Timestamp) -> ICalendarComponent {
    let mut event = ICalendarComponent::new(ICalendarComponentType::VEvent);
    event.add_uid(&entry.uid);
    event.add_dtstamp(moment(now));
    event.add_property(ICalendarProperty::Dtstart, moment(entry.starts));
    event.add_property(ICalendarProperty::Dtend, moment(entry.ends));
    event.add_property(ICalendarProperty::Summary, entry.name.as_str());
    if !entry.about.is_empty() {
        event.add_property(ICalendarProperty::Description, entry.about.as_str());
    }
    if !entry.categories.is_empty() {
        let words = entry.categories.iter().map(|word| ICalendarValue::Text(word.clone())).collect();
        event.entries.push(ICalendarEntry::new(ICalendarProperty::Categories).with_values(words));
    }
    if let Some(url) = &entry.url {
        event.add_property(ICalendarProperty::Url, Uri::Location(url.clone()));
    }
    // Nobody's own time is taken by it.
    event.add_property(ICalendarProperty::Transp, ICalendarTransparency::Transparent);
    event
}

fn moment(at: Timestamp) -> PartialDateTime {
    PartialDateTime::from_utc_timestamp(at.seconds())
}
