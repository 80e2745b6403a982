//! The worst day: what the ledger's promises are worth when the disk is full, the process dies, the clock jumps, somebody
//! puts an old copy back, or one byte is not what it was.

mod crash;
mod damage;
mod disk;
mod process;
mod restore;
mod time;
mod upgrade;
