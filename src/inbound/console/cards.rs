//! Cards of open tickets for one reader, kept while a page is open: only those of tickets that changed are built again,
//! and the sealed values of all of them are read together.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::view_of::{Look, MOST_OPEN};
use crate::card::live::Card;
use crate::desk::procedures::Procedures;
use crate::desk::query::NoView;
use crate::people::Directory;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// See the module.
#[derive(Default)]
pub(super) struct Cards {
    /// Who people are and what the procedures say: when either changes, so may any card.
    basis: Option<(Arc<Directory>, Arc<Procedures>)>,
    held: BTreeMap<Number, Card>,
}

impl Cards {
    /// Cards of open tickets, worst and then oldest first.
    pub(super) async fn open(&mut self, look: &Look<'_>) -> Result<Vec<Card>, NoView> {
        // Of more than are shown, the latest: what has just been opened stands on the board, whatever lies there for long.
        let mut found = look.app.desk.tickets_open_latest(look.viewer, "", MOST_OPEN).await?;
        found.reverse();
        self.rebase(look);
        let order: Vec<Number> = found.iter().map(|(_, ticket)| ticket.number.clone()).collect();
        let changed: Vec<Ticket> = found.into_iter().map(|(_, ticket)| ticket).filter(|ticket| self.lacks(ticket)).collect();
        for pinned in look.pin_all(changed).await? {
            self.held.insert(pinned.ticket.number.clone(), look.card(&pinned));
        }
        self.held.retain(|number, _| order.contains(number));
        let mut cards: Vec<Card> = order.iter().filter_map(|number| self.held.get(number)).cloned().collect();
        cards.sort_by_key(|card| card.severity.as_ref().map_or(u8::MAX, |s| s.level));
        Ok(cards)
    }

    fn lacks(&self, ticket: &Ticket) -> bool {
        self.held.get(&ticket.number).is_none_or(|card| card.seq != ticket.seq)
    }

    /// Forgets everything when people or procedures are others than they were.
    fn rebase(&mut self, look: &Look<'_>) {
        let (people, procedures) = (&look.snapshot.directory, &look.snapshot.procedures);
        if self.basis.as_ref().is_none_or(|(p, q)| !Arc::ptr_eq(p, people) || !Arc::ptr_eq(q, procedures)) {
            self.basis = Some((Arc::clone(people), Arc::clone(procedures)));
            self.held.clear();
        }
    }
}
