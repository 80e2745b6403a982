//! What the engine promises, told on the [`super::bench`].

mod access;
mod approving;
mod assessed;
mod changes;
mod clocks;
mod correlating;
mod deciding;
mod deployments;
mod fixed;
mod golden;
mod leeway;
mod limits;
mod mutations;
mod offers;
mod random;
mod recording;
mod second;
mod seldom;
mod shipped;
mod sound;
mod taking;
mod values;
mod walks;
mod ways_round;
mod work;
