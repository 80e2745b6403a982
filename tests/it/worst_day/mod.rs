//! The worst day: what the ledger's promises are worth when the disk is full, the process dies, the clock jumps, somebody
//! puts an old copy back, or one byte is not what it was.

mod cluster;
mod crash;
mod cuts;
mod damage;
mod disk;
mod hung;
mod process;
mod replicas;
mod restore;
mod rolling;
mod slack_killed;
mod time;
mod upgrade;
mod year;
