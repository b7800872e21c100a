//! The support desk: buyers and strangers write, agents answer, triggers fire.

use freshet_ingest::time::Millis;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::truth::{LastOrder, Truth};
use super::writing::{DAY, HOUR, MINUTE, SECOND, nanoseconds, pick, uuid};
use super::{Event, Settings};

/// The desk's account.
const ACCOUNT: &str = "22129848";
const AGENTS: [u64; 4] = [9_001, 9_002, 9_003, 9_004];
const GROUPS: [u64; 3] = [31_000_001, 31_000_002, 31_000_003];
const SUBJECTS: [(&str, &str); 6] = [
    ("Where is my order", "question"),
    ("Arrived broken", "problem"),
    ("Wrong size", "task"),
    ("Refund not here yet", "problem"),
    ("Change of address", "task"),
    ("Lösung für kaputten Griff? 🏺", "incident"),
];

/// So many times as likely somebody whose order went wrong writes, over others who ordered.
const TROUBLED: usize = 4;

/// A ticket as it is now.
struct Ticket {
    id: u64,
    requester: u64,
    email: String,
    subject: String,
    kind: &'static str,
    external_id: Option<String>,
    is_trouble: bool,
    status: &'static str,
    priority: &'static str,
    group: u64,
    assignee: Option<u64>,
    channel: &'static str,
    created_at: Millis,
    sequence: u64,
    position: u32,
}

struct Desk<'a> {
    rng: &'a mut StdRng,
    now: Millis,
    until: Millis,
    events: Vec<Event>,
}

/// Exactly `quota` events of the desk.
pub(super) fn events(rng: &mut StdRng, settings: Settings, quota: usize, truth: &mut Truth) -> Vec<Event> {
    let begin = settings.until.0 - i64::from(settings.days) * DAY;
    // Who had trouble with an order is likelier to write.
    let writers: Vec<usize> = (0..truth.people.len())
        .flat_map(|place| {
            let times = truth.people[place].last_order.as_ref().map_or(0, |order| if order.went_wrong { TROUBLED } else { 1 });
            std::iter::repeat_n(place, times)
        })
        .collect();
    let mut desk = Desk { rng, now: Millis(begin), until: settings.until, events: Vec::new() };
    let mut number = 0;
    while desk.events.len() < quota {
        number += 1;
        let writer = (!writers.is_empty() && desk.rng.random_ratio(3, 4)).then(|| *pick(desk.rng, &writers));
        desk.now = Millis(begin + desk.rng.random_range(HOUR..i64::from(settings.days).max(1) * DAY) / SECOND * SECOND);
        let user = 6_596_848_000_000 + number * 17;
        let (email, order, known) = match writer.map(|place| &mut truth.people[place]) {
            Some(person) => {
                let order = person.last_order.clone();
                if let Some(order) = &order {
                    desk.now = Millis(order.at.max(desk.now.0));
                }
                let known = person.zendesk_user_id.replace(person.zendesk_user_id.unwrap_or(user));
                (person.email.clone(), order, known)
            }
            None => (format!("stranger{number}@example.com"), None, None),
        };
        if known.is_none() {
            desk.meet(user, &email);
        }
        let requester = known.unwrap_or(user);
        let ticket = desk.open(5_000 + number, (requester, email), order.as_ref());
        desk.work(ticket);
    }
    desk.events.truncate(quota);
    desk.events
}

impl Desk<'_> {
    fn pass(&mut self, least: i64, most: i64) {
        self.now = Millis(self.now.0 + self.rng.random_range(least..most));
    }

    fn push(&mut self, body: Value) {
        if self.now < self.until {
            self.events.push(Event { at: self.now, source: "zendesk", account: Some(ACCOUNT.to_owned()), topic: None, body });
        }
    }

    /// The desk gets to know somebody: the only event that carries an address, in the case that they typed it.
    fn meet(&mut self, user: u64, email: &str) {
        let email = if self.rng.random_ratio(1, 3) { format!(" {}", email.to_uppercase()) } else { email.to_owned() };
        let body = json!({
            "type": "zen:event-type:user.created", "account_id": 22_129_848, "id": uuid(self.rng), "subject": format!("zen:user:{user}"), "time": nanoseconds(self.now, self.rng), "zendesk_event_version": "2022-06-20",
            "detail": { "id": user.to_string(), "email": email, "created_at": self.now.rfc3339(), "updated_at": self.now.rfc3339(), "role": "end-user", "external_id": "", "default_group_id": "0", "organization_id": "0" },
            "event": {},
        });
        self.push(body);
        self.pass(SECOND, MINUTE);
    }

    fn open(&mut self, id: u64, (requester, email): (u64, String), order: Option<&LastOrder>) -> Ticket {
        let is_trouble = order.is_some_and(|order| order.went_wrong);
        let (subject, kind) = match order {
            Some(order) if order.was_refunded => SUBJECTS[3],
            Some(order) if order.went_wrong => *pick(self.rng, &SUBJECTS[1..3]),
            Some(_) | None => *pick(self.rng, &SUBJECTS),
        };
        let priority = *pick(self.rng, &["LOW", "NORMAL", "NORMAL", "HIGH", "URGENT"]);
        let channel = *pick(self.rng, &["email", "web_form", "chat"]);
        let ticket = Ticket {
            id,
            requester,
            subject: if self.rng.random_ratio(1, 8) { format!("{subject} ({email})") } else { subject.to_owned() },
            email,
            kind,
            external_id: order.map(|order| order.id.to_string()),
            is_trouble,
            status: "NEW",
            priority,
            group: *pick(self.rng, &GROUPS),
            assignee: None,
            channel,
            created_at: self.now,
            // Beyond what a signed 64-bit number holds.
            sequence: 14_327_633_719_942_357_000 + id * 1_000,
            position: 0,
        };
        let mut ticket = ticket;
        self.tell(&mut ticket, "created", "system", json!({}));
        ticket
    }

    fn tell(&mut self, ticket: &mut Ticket, what: &str, actor: &str, mut event: Value) {
        ticket.position += 1;
        event["meta"] = json!({ "sequence": { "id": ticket.sequence, "position": ticket.position } });
        let text = |id: Option<u64>| id.map(|id| id.to_string());
        let body = json!({
            "account_id": 22_129_848, "id": uuid(self.rng), "subject": format!("zen:ticket:{}", ticket.id), "time": nanoseconds(self.now, self.rng), "type": format!("zen:event-type:ticket.{what}"), "zendesk_event_version": "2022-11-06",
            "detail": {
                "id": ticket.id.to_string(), "actor_id": actor, "assignee_id": text(ticket.assignee), "brand_id": "8447346621310", "created_at": ticket.created_at.rfc3339(), "updated_at": self.now.rfc3339(),
                "custom_status": "8447320465790", "description": "See the first comment.", "external_id": ticket.external_id, "form_id": "8646151517822", "group_id": ticket.group.to_string(), "is_public": true,
                "organization_id": null, "priority": ticket.priority, "requester_id": ticket.requester.to_string(), "status": ticket.status, "subject": ticket.subject, "submitter_id": ticket.requester.to_string(),
                "tags": ["shop", ticket.channel], "type": ticket.kind.to_uppercase(), "via": { "channel": ticket.channel },
            },
            "event": event,
        });
        self.push(body);
    }

    fn comment(&mut self, ticket: &mut Ticket, author: u64, is_staff: bool, is_public: bool) {
        let id = ticket.id * 100 + u64::from(ticket.position);
        let comment = json!({ "id": id.to_string(), "body": "Thank you for writing.", "is_public": is_public, "author": { "id": author.to_string(), "is_staff": is_staff, "name": "Somebody" } });
        self.tell(ticket, "comment_added", &author.to_string(), json!({ "comment": comment }));
    }

    fn turn(&mut self, ticket: &mut Ticket, status: &'static str, actor: &str) {
        let previous = std::mem::replace(&mut ticket.status, status);
        self.tell(ticket, "status_changed", actor, json!({ "previous": previous, "current": status }));
    }

    fn work(&mut self, mut ticket: Ticket) {
        let ticket = &mut ticket;
        let agent = *pick(self.rng, &AGENTS);
        let actor = agent.to_string();
        self.pass(5 * MINUTE, 20 * HOUR);
        ticket.sequence += 1;
        ticket.position = 0;
        ticket.assignee = Some(agent);
        self.tell(ticket, "agent_assignment_changed", &actor, json!({ "previous": null, "current": actor }));
        if self.rng.random_ratio(1, 3) {
            let group = *pick(self.rng, &GROUPS);
            let previous = std::mem::replace(&mut ticket.group, group);
            self.tell(
                ticket,
                "group_assignment_changed",
                &actor,
                json!({ "previous": previous.to_string(), "current": group.to_string() }),
            );
        }
        if self.rng.random_ratio(1, 4) {
            self.comment(ticket, agent, true, false);
        }
        self.comment(ticket, agent, true, true);
        self.turn(ticket, "OPEN", &actor);
        if self.rng.random_ratio(1, 3) {
            self.pass(MINUTE, HOUR);
            let previous = std::mem::replace(&mut ticket.priority, "URGENT");
            self.tell(ticket, "priority_changed", &actor, json!({ "previous": previous, "current": "URGENT" }));
        }
        for _ in 0..self.rng.random_range(0..3) {
            self.pass(10 * MINUTE, DAY);
            let requester = ticket.requester;
            self.comment(ticket, requester, false, true);
            self.pass(10 * MINUTE, 10 * HOUR);
            self.comment(ticket, agent, true, true);
        }
        if self.rng.random_ratio(1, 6) {
            return;
        }
        self.pass(HOUR, 2 * DAY);
        ticket.sequence += 1;
        ticket.position = 0;
        self.turn(ticket, "SOLVED", &actor);
        self.trigger(ticket);
        if self.rng.random_ratio(1, 7) {
            self.pass(HOUR, DAY);
            self.turn(ticket, "OPEN", &ticket.requester.to_string());
            self.pass(HOUR, DAY);
            self.turn(ticket, "SOLVED", &actor);
        }
        if self.rng.random_ratio(1, 3) {
            self.pass(HOUR, DAY);
            let scores = if ticket.is_trouble { ["BAD", "BAD", "GOOD"] } else { ["GOOD", "GOOD", "BAD"] };
            let score = *pick(self.rng, &scores);
            self.tell(
                ticket,
                "csat_received",
                &ticket.requester.to_string(),
                json!({ "previous": null, "current": { "score": score, "comment": null } }),
            );
        }
    }

    /// The documented trigger body: all texts, lower case, with the requester's address.
    fn trigger(&mut self, ticket: &Ticket) {
        let body = json!({ "ticket": {
            "id": ticket.id.to_string(), "status": ticket.status.to_lowercase(), "priority": ticket.priority.to_lowercase(), "type": ticket.kind, "subject": ticket.subject, "group_id": ticket.group.to_string(),
            "assignee_id": ticket.assignee.map(|id| id.to_string()).unwrap_or_default(), "organization_id": "", "external_id": ticket.external_id.clone().unwrap_or_default(), "tags": format!("shop {}", ticket.channel), "via": ticket.channel,
            "created_at": ticket.created_at.rfc3339(), "updated_at": self.now.rfc3339(), "requester": { "id": ticket.requester.to_string(), "email": ticket.email },
        } });
        self.push(body);
    }
}
