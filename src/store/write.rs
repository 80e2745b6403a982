//! What a commit writes, table by table, and in which order. Each write has a name, by which a test breaks it.

use super::StoreError;
use super::commit::{Batch, Commit, Deadlines, Head, Latest, TicketRow};
use super::faults::{Moment, strike};
use super::rows::{Lookup, Rows, Value};
use super::statements as sql;

impl Commit<'_> {
    /// Writes the batch and moves the head.
    ///
    /// # Errors
    /// When the database does not answer, or refuses a value.
    pub async fn write(&mut self, batch: Batch, head: &Head) -> Result<(), StoreError> {
        use Value::{Bytes, Int, OptInt, OptText, Text};
        let events = batch.events.into_iter();
        let rows = events.map(|e| vec![Int(e.seq), Text(e.kind), OptText(e.ticket), OptInt(e.rev), Bytes(e.leaf.to_vec()), Bytes(e.bytes)]);
        self.put("event", sql::EVENT_ROWS, rows.collect()).await?;
        let rows = batch.tiles.into_iter().map(|t| vec![Int(t.level), Int(t.n), Bytes(t.root.to_vec()), Bytes(t.hashes)]);
        self.put("tile", sql::TILE_ROWS, rows.collect()).await?;
        let rows = batch.sealed.into_iter().map(|s| vec![Int(s.seq), Text(s.name), Bytes(s.salt), Bytes(s.bytes)]);
        self.put("sealed", sql::SEALED_ROWS, rows.collect()).await?;
        self.write_tickets(batch.tickets, batch.latest, batch.deadlines).await?;
        let rows = batch.outbox.into_values();
        let rows = rows.map(|o| vec![Text(o.channel), Int(o.id), Int(o.queued_at), Int(0), Int(o.not_before), Int(0), Text(o.payload)]);
        self.put("outbox", sql::OUTBOX_ROWS, rows.collect()).await?;
        self.put("counter", sql::COUNTER_ROWS, batch.counters.into_iter().map(|(p, n)| vec![Text(p), Int(n)]).collect()).await?;
        let rows = batch
            .alerts
            .into_iter()
            .map(|a| vec![Text(a.id), OptText(a.ticket), Text(a.status), OptText(a.group), Int(a.first_seen), Int(a.last_seen)]);
        self.put("alert", sql::ALERT_ROWS, rows.collect()).await?;
        self.put("alert_group", sql::GROUP_ROWS, batch.groups.into_iter().map(|(id, r)| vec![Text(id), Text(r)]).collect()).await?;
        self.put("person", sql::PERSON_ROWS, batch.people.into_iter().map(|(id, s)| vec![Text(id), Text(s)]).collect()).await?;
        self.put("account", sql::ACCOUNT_ROWS, batch.accounts.into_iter().map(|(id, s)| vec![Text(id), Text(s)]).collect()).await?;
        let rows = batch.adopted.into_iter().map(|(s, p, d)| vec![Int(s), Text(p), Text(d)]);
        self.put("adopted", sql::ADOPTED_ROWS, rows.collect()).await?;
        let rows = batch.playbooks.into_iter().map(|(d, p, b)| vec![Text(d), Text(p), Bytes(b)]);
        self.put("playbook", sql::PLAYBOOK_ROWS, rows.collect()).await?;
        let rows = batch.deliveries.into_iter().map(|d| vec![Int(d.id), Text(d.source), Int(d.received_at), Text(d.alerts)]);
        self.put("delivery", sql::DELIVERY_ROWS, rows.collect()).await?;
        self.take_out("repeat_pending", sql::FORGET_REPEATS, batch.told).await?;
        let rows = batch.repeats.into_values().map(|r| {
            let (first, last) = r.deliveries;
            vec![Text(r.id), OptText(r.ticket), Text(r.group), Int(r.count), Int(r.at.0), Int(r.at.1), Int(first), Int(last), Int(r.due)]
        });
        self.put("repeat_pending", sql::REPEAT_ROWS, rows.collect()).await?;
        for (person, hour) in batch.refusals_told {
            self.run("refusal_pending", sql::FORGET_REFUSALS, vec![Text(person), Int(hour)]).await?;
        }
        let rows = batch.refusals.into_iter().map(|((person, hour), (own, beyond))| vec![Text(person), Int(hour), Int(own), Int(beyond)]);
        self.put("refusal_pending", sql::REFUSAL_ROWS, rows.collect()).await?;
        self.put("dedupe", sql::DEDUPE_ROWS, batch.dedupe.into_iter().map(|(k, at, o)| vec![Text(k), Int(at), Text(o)]).collect()).await?;
        for (key, at, words) in batch.marks {
            self.run("mark", sql::MARK, vec![Text(key), Int(at), Text(words)]).await?;
        }
        for hash in batch.ended_sessions {
            self.run("session", sql::END_SESSION, vec![Text(hash)]).await?;
        }
        for hash in batch.used_links {
            self.run("sign_in_link", sql::USE_LINK, vec![Text(hash)]).await?;
        }
        for person in batch.ended_people {
            self.run("session", sql::END_SESSIONS_OF, vec![Text(person)]).await?;
        }
        let rows = batch.sessions.into_iter().map(|s| vec![Text(s.hash), Text(s.person), Text(s.id), Text(s.method), Int(s.expires_at)]);
        self.put("session", sql::SESSION_ROWS, rows.collect()).await?;
        self.put("sign_in_link", sql::LINK_ROWS, batch.links.into_iter().map(|(h, p, at)| vec![Text(h), Text(p), Int(at)]).collect())
            .await?;
        for (hash, account) in batch.claimed_codes {
            self.run("link_code", sql::UNCLAIM_LINK_CODES, vec![Text(account.clone())]).await?;
            self.run("link_code", sql::CLAIM_LINK_CODE, vec![Text(account), Text(hash)]).await?;
        }
        for account in batch.refused_codes {
            self.run("link_code", sql::UNCLAIM_LINK_CODES, vec![Text(account)]).await?;
        }
        for person in batch.used_codes.into_iter().chain(batch.link_codes.iter().map(|(_, person, _)| person.clone())).collect::<Vec<_>>() {
            self.run("link_code", sql::FORGET_LINK_CODES_OF, vec![Text(person)]).await?;
        }
        let rows = batch.link_codes.into_iter().map(|(hash, person, at)| vec![Text(hash), Text(person), Int(at), Text(String::new())]);
        self.put("link_code", sql::LINK_CODE_ROWS, rows.collect()).await?;
        let rows = batch.wrong_codes.into_iter().map(|((account, hour), n)| vec![Text(account), Int(hour), Int(n)]);
        self.put("wrong_code", sql::WRONG_CODE_ROWS, rows.collect()).await?;
        if let Some((origin, vkey)) = batch.epoch {
            self.run("new epoch", sql::NEW_EPOCH, vec![Text(origin), Text(vkey)]).await?;
        }
        let moved = vec![Int(head.size), Bytes(head.frontier.clone()), Int(head.last_at), Int(head.deliveries)];
        self.run("move head", sql::MOVE_HEAD, moved).await
    }

    /// Tickets, with their deadlines in the place of those that they had.
    async fn write_tickets(
        &mut self,
        tickets: Vec<TicketRow>,
        latest: Vec<(String, Latest)>,
        deadlines: Vec<(String, Deadlines)>,
    ) -> Result<(), StoreError> {
        use Value::{Int, Text};
        let rows = tickets.into_iter().map(|t| {
            let ended = Int(i64::from(t.ended));
            vec![Text(t.number), Text(t.kind), Text(t.status), ended, Int(t.opened_seq), Text(t.state)]
        });
        self.put("ticket", sql::TICKET_ROWS, rows.collect()).await?;
        let rows = latest.into_iter().map(|(number, l)| {
            let (attached, firing, repeats) = l.alerts;
            vec![Text(number), Int(l.rev), Int(l.seq), Int(l.updated_at), Int(attached), Int(firing), Int(repeats)]
        });
        self.put("ticket_latest", sql::LATEST_ROWS, rows.collect()).await?;
        self.take_out("deadline", sql::FORGET_DEADLINES, deadlines.iter().map(|(number, _)| number.clone()).collect()).await?;
        let rows = deadlines
            .into_iter()
            .flat_map(|(number, all)| all.into_iter().map(move |(id, at)| vec![Text(number.clone()), Text(id), Int(at)]));
        self.put("deadline", sql::DEADLINE_ROWS, rows.collect()).await
    }

    /// Rows of one table, by their keys, taken out.
    async fn take_out(&mut self, name: &'static str, statement: Lookup, keys: Vec<String>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        strike(&self.faults, name, Moment::Before)?;
        self.transaction.take_out(statement, keys).await?;
        strike(&self.faults, name, Moment::After)
    }

    /// Many rows of one table.
    async fn put(&mut self, name: &'static str, into: Rows, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        strike(&self.faults, name, Moment::Before)?;
        self.transaction.put(into, rows).await?;
        strike(&self.faults, name, Moment::After)
    }

    /// One statement.
    async fn run(&mut self, name: &'static str, statement: &'static str, values: Vec<Value>) -> Result<(), StoreError> {
        strike(&self.faults, name, Moment::Before)?;
        self.transaction.run(statement, values).await?;
        strike(&self.faults, name, Moment::After)
    }
}
