//! # Countersign, the map of the house
//!
//! *A click by a verified person, bound to exactly what that person was shown, in a log that nobody can quietly
//! change, at the speed of chat.*
//!
//! Every change of state walks one hallway, whoever asks (a monitoring tool, a button, the web console, the
//! command line, a timer):
//!
//! ```text
//! inbound  bytes → verified credential → Request
//! people   credential → Person, Source or Scheduler
//! desk     load ticket → authorise → decide (pure) → events or a refusal
//! desk     COMMIT: events + tree + projections + deadlines + outbox, one database transaction
//! outbound outbox → tell everyone
//! ```
//!
//! The rooms stand on floors; a floor imports only floors below it (`tests/it/walls.rs` holds this):
//!
//! | floor | rooms | |
//! |---|---|---|
//! | F0 | [`env`], [`config`], [`ledger`], [`ticket`], [`procedure`], [`card`] | no async, no SQL, no network; only `env` knows the clock |
//! | F1 | [`store`], [`people`] | the only SQL; the directory of verified people |
//! | F2 | [`desk`], [`evidence`] | the one door; what is handed out |
//! | F3 | [`inbound`], [`outbound`] | bytes in, words out; they never import each other, nor `store` |
//! | F4 | [`cli`] | one file per subcommand; wires everything together |

#![forbid(unsafe_code)]

pub mod card;
pub mod cli;
pub mod config;
pub mod desk;
pub mod env;
pub mod evidence;
pub mod inbound;
pub mod ledger;
pub mod outbound;
pub mod people;
pub mod procedure;
pub mod store;
pub mod ticket;
