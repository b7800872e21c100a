//! Which accounts play far above their record, and what speaks for it.
//!
//! [`games`] holds who played whom, [`rating`] rates one against one and [`teams`] team against team, [`evidence`]
//! says after k games how an account compares with others after as many, [`strata`] compares what happens inside a
//! match with the same role and rank, [`ladder`] learns what honest accounts of a rank look like, [`verdicts`] and [`lessons`] learn
//! from what admins decided, [`review`] makes a queue of it, and [`accounts`] does so with what a lake holds. [`inject`] measures all this where nobody has told
//! the truth: strong players' later games are given to new accounts, with or without games thrown to stay low.
//!
//! The queue is for people who decide. Half or more of those who play far above their record are real talents, so
//! its answers are: watch, seed anew, look at it. It never asks for more.
//!
//! # Whose matches
//!
//! Ratings are for matches that an organiser runs itself. Publishers may forbid ratings of their own matchmade games:
//! Riot Games' policy for third-party applications rules out products that show or compute an MMR or ELO for its
//! players (<https://developer.riotgames.com/policies/general>, "Game Integrity"). Games say whose they are
//! ([`games::Host`]); those of a publisher's matchmaking feed [`strata`] and behaviour alone, are never rated, and
//! the count of games so left out is part of every answer.
//!
//! All of it is pure: no clock, no file, no network; seeds are arguments.

pub mod accounts;
pub mod error;
pub mod evidence;
pub mod games;
pub mod inject;
pub mod ladder;
pub mod lessons;
pub mod rating;
pub mod review;
pub mod strata;
pub mod teams;
pub mod verdicts;

#[cfg(test)]
mod simulation;
