//! The machine around us: the only place that names the system clock and the system's entropy.
//!
//! Everything else receives an [`Env`]. Tests hand in a [`ManualClock`] and move it; nothing in the
//! product may ask the operating system for the time or for randomness in any other way (`clippy.toml`
//! refuses it).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, in whole microseconds since 1970-01-01T00:00:00Z (RFC 3339, always six digits and `Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `micros` microseconds after the Unix epoch, or `None` outside the years 1970..=9999.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        const END_OF_9999: i64 = 253_402_300_800_000_000;
        (0..END_OF_9999).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The same moment as chrono speaks of it.
    #[must_use]
    pub fn utc(self) -> DateTime<Utc> {
        Utc.timestamp_micros(self.0).single().unwrap_or_default()
    }

    /// This moment plus `by`, held at the end of the year 9999.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros)).unwrap_or(Self(253_402_300_799_999_999))
    }

    /// This moment minus `by`, held at the epoch.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros).max(0))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339 with any offset; `None` when it is not one, or outside 1970..=9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().and_then(|t| Self::from_micros(t.timestamp_micros()))
    }

    /// Reads the one form that [`Display`](fmt::Display) writes, `2026-11-22T09:00:00.000000Z`; `None` for every other.
    #[must_use]
    pub fn parse_canonical(text: &str) -> Option<Self> {
        let shape = b"dddd-dd-ddTdd:dd:dd.ddddddZ";
        let fits = |(byte, wanted): (u8, &u8)| if *wanted == b'd' { byte.is_ascii_digit() } else { byte == *wanted };
        if text.len() != shape.len() || !text.bytes().zip(shape).all(fits) {
            return None;
        }
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
        let date = NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?)?;
        let moment = date.and_hms_micro_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 26)?)?;
        Self::from_micros(moment.and_utc().timestamp_micros())
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(value: DateTime<Utc>) -> Self {
        Self::from_micros(value.timestamp_micros()).unwrap_or(Self(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not an RFC 3339 time between 1970 and 9999")))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start that never jumps; compared with [`Clock::now`] to notice a stepped wall clock.
    /// While the machine sleeps it goes on, where the system can tell.
    fn monotonic(&self) -> Duration;
    /// Which boot of the machine [`Clock::monotonic`] counts from, so that another process can go on counting; `None`
    /// when it counts from this process's start.
    fn boot(&self) -> Option<String>;
    /// Whether [`Clock::now`] is meant to be the world's time, so that another machine's clock can be held against it.
    fn is_the_worlds(&self) -> bool {
        true
    }
    /// Lets so much time pass at once, where the clock is a demonstration's; `false` where time cannot be told to.
    fn pass(&self, by: Duration) -> bool {
        let _ = by;
        false
    }
}

/// Gives unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `into` with unpredictable bytes.
    fn fill(&self, into: &mut [u8]);
}

/// The clock and the entropy that the process runs on.
#[derive(Clone)]
pub struct Env {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes salts, keys and identifiers.
    pub entropy: Arc<dyn Entropy>,
}

impl Env {
    /// The operating system's clock and entropy.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock { start: Instant::now() }), entropy: Arc::new(SystemEntropy) }
    }

    /// The operating system's clock, which a demonstration lets run ahead, and its entropy.
    #[must_use]
    pub fn demonstration() -> Self {
        let clock = AheadClock { system: SystemClock { start: Instant::now() }, ahead: AtomicI64::new(0) };
        Self { clock: Arc::new(clock), entropy: Arc::new(SystemEntropy) }
    }

    /// A clock that only moves when told, with the system's entropy.
    #[must_use]
    pub fn manual(clock: Arc<ManualClock>) -> Self {
        Self { clock, entropy: Arc::new(SystemEntropy) }
    }

    /// The wall clock, UTC.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `N` unpredictable bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.entropy.fill(&mut out);
        out
    }

    /// `prefix` and 96 unpredictable bits in lower-case hex: an opaque identifier that says nothing.
    #[must_use]
    pub fn id(&self, prefix: &str) -> String {
        format!("{prefix}{}", hex::encode(self.bytes::<12>()))
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

struct SystemClock {
    /// Only where the system does not count from its boot.
    start: Instant,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> Timestamp {
        Timestamp::from(Utc::now())
    }

    fn monotonic(&self) -> Duration {
        since_boot().unwrap_or_else(|| self.start.elapsed())
    }

    fn boot(&self) -> Option<String> {
        // Linux alone names its boots; elsewhere a restart forgets what it knew of the clock.
        since_boot()?;
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }
}

/// The system's clock, ahead by as much as somebody let pass.
struct AheadClock {
    system: SystemClock,
    /// Microseconds.
    ahead: AtomicI64,
}

impl AheadClock {
    fn ahead(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.ahead.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        self.system.now().plus(self.ahead())
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + self.ahead()
    }

    // The next process is not as far ahead.
    fn boot(&self) -> Option<String> {
        None
    }

    fn is_the_worlds(&self) -> bool {
        false
    }

    fn pass(&self, by: Duration) -> bool {
        self.ahead.fetch_add(i64::try_from(by.as_micros()).unwrap_or(0), Ordering::SeqCst);
        true
    }
}

/// Time since the machine's boot, its sleep included (`CLOCK_BOOTTIME`).
#[cfg(target_os = "linux")]
fn since_boot() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Option<Duration> {
    None
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for entropy")]
    #[expect(clippy::expect_used, reason = "without entropy nothing may be signed or sealed; stopping is the safe answer")]
    fn fill(&self, into: &mut [u8]) {
        getrandom::fill(into).expect("the operating system must provide entropy");
    }
}

/// A clock for tests and simulations: it stands still until [`ManualClock::advance`] moves it.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
    monotonic: AtomicI64,
}

impl ManualClock {
    /// A clock that reads `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Arc<Self> {
        Arc::new(Self { micros: AtomicI64::new(at.micros()), monotonic: AtomicI64::new(0) })
    }

    /// Lets time pass: both the wall clock and the monotonic one move.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(micros, Ordering::SeqCst);
        self.monotonic.fetch_add(micros, Ordering::SeqCst);
    }

    /// Steps the wall clock alone, as a wrong NTP server would; `micros` may be negative.
    pub fn step(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst)).unwrap_or(Timestamp(0))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.monotonic.load(Ordering::SeqCst)).unwrap_or(0))
    }

    fn boot(&self) -> Option<String> {
        Some("told".to_owned())
    }

    fn is_the_worlds(&self) -> bool {
        false
    }
}
