//! What stands behind the `?` of an address: only names that the route knows, each once, with a sentence for every way
//! of being wrong.

use std::collections::BTreeMap;

use axum::http::Uri;

use crate::env::Timestamp;
use crate::inbound::problem::Problem;

/// Rows of a page, unless asked otherwise.
const PAGE: i64 = 100;
/// Rows of a page at most.
const MOST: i64 = 1000;

/// The parameters of one request.
#[derive(Debug)]
pub struct Asked(BTreeMap<String, String>);

/// A parameter that is wrong, and why.
#[must_use]
pub fn wrong(name: &str, problem: impl Into<String>) -> Problem {
    let problem = problem.into();
    Problem::bad_request(format!("{name}: {problem}")).with_fields(vec![(name.to_owned(), problem)])
}

impl Asked {
    /// Reads the parameters.
    ///
    /// # Errors
    /// 400 when one is not among `known`, stands twice, or is not text.
    pub fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let pairs: axum::extract::Query<Vec<(String, String)>> =
            axum::extract::Query::try_from_uri(uri).map_err(|_| Problem::bad_request("What stands behind the ? cannot be read."))?;
        let mut asked = BTreeMap::new();
        for (name, value) in pairs.0 {
            if !known.contains(&name.as_str()) {
                let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(wrong(&name, format!("there is no such parameter here. Known: {takes}.")));
            }
            if asked.insert(name.clone(), value).is_some() {
                return Err(wrong(&name, "stands here twice; give it once."));
            }
        }
        Ok(Self(asked))
    }

    /// A parameter's text; none when it is missing or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// A whole number that is at least `least`.
    ///
    /// # Errors
    /// 400 when it is none.
    pub fn whole(&self, name: &str, least: i64) -> Result<Option<i64>, Problem> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(n) if n >= least => Ok(Some(n)),
            _ => Err(wrong(name, format!("must be a whole number, {least} or more."))),
        }
    }

    /// `limit`: rows of a page.
    ///
    /// # Errors
    /// 400 when it is not 1 to 1000.
    pub fn limit(&self) -> Result<i64, Problem> {
        match self.whole("limit", 1) {
            Ok(None) => Ok(PAGE),
            Ok(Some(n)) if n <= MOST => Ok(n),
            _ => Err(wrong("limit", format!("must be a whole number from 1 to {MOST}."))),
        }
    }

    /// `after`: the `next` of the page before, and `first` for the first page. None was ever given above `latest`.
    ///
    /// # Errors
    /// 400 when it is no cursor.
    pub fn after(&self, first: i64, latest: i64) -> Result<i64, Problem> {
        match self.whole("after", first) {
            Ok(None) => Ok(first),
            Ok(Some(n)) if n <= latest => Ok(n),
            _ => Err(wrong("after", "is no cursor of this list. Take the `next` of the page before, or leave it out for the first page.")),
        }
    }

    /// A moment, RFC 3339.
    ///
    /// # Errors
    /// 400 when it is none.
    pub fn moment(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        Timestamp::parse(text).map(Some).ok_or_else(|| wrong(name, "a time reads like 2026-11-22T03:04:05Z."))
    }

    /// `true` or `false`; false when it is missing.
    ///
    /// # Errors
    /// 400 when it is neither.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.0.get(name).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong(name, "must be true or false.")),
        }
    }

    /// One of these names; none when it is missing or empty.
    ///
    /// # Errors
    /// 400 that names the known ones.
    pub fn one_of<'a>(&'a self, name: &str, known: &[String]) -> Result<Option<&'a str>, Problem> {
        match self.text(name) {
            Some(text) if !known.iter().any(|k| k == text) => {
                Err(wrong(name, format!("there is none of that name. Known: {}.", known.join(", "))))
            }
            text => Ok(text),
        }
    }
}
