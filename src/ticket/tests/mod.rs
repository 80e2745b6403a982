//! What the engine promises, told on the [`super::bench`].

mod approving;
mod changes;
mod clocks;
mod correlating;
mod golden;
mod random;
mod recording;
mod second;
mod shipped;
mod taking;
mod values;
mod work;
