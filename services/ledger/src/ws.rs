//! WebSockets: requests and batches as over HTTP, and what was subscribed to.
//!
//! ```text
//! socket --> Incoming --> one request at a time --> Serving --+
//! news of the node --> what is new for the subscriptions -----+--> Outbox --> socket
//! ```
//!
//! Invariants: a subscription is answered before it is told anything; what waits for the socket is
//! bounded in bytes: while it is half full nothing more is read from the caller, and a caller who
//! does not read what it is told is dropped with a reason; a request that runs is the only one of
//! its connection.

mod incoming;
mod outbox;

use crate::rpc::{self, Reply, RpcLimits, Serving, Session};
use actix_http::ws::{CloseCode, CloseReason, Message, handshake};
use actix_web::body::BoxBody;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use incoming::{Incoming, Received};
use outbox::{Frames, Outbox};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{MissedTickBehavior, interval};

/// Makes a WebSocket of a request. Fails as HTTP does if it is none, or if too many are open.
pub(crate) fn open(request: &HttpRequest, payload: Payload, serving: Arc<Serving>) -> HttpResponse {
    let mut response = match handshake(request.head()) {
        Ok(response) => response,
        Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
    };
    let Ok(place) = serving.sockets.clone().try_acquire_owned() else {
        return HttpResponse::ServiceUnavailable().body("too many WebSockets");
    };
    let limits = &serving.node().config().rpc;
    let outbox = Rc::new(Outbox::new(limits.socket_bytes_max));
    let frames = BoxBody::new(Frames::new(outbox.clone()));
    let Ok(response) = response.message_body(frames) else {
        return HttpResponse::InternalServerError().finish();
    };
    let connection = Connection {
        session: Arc::new(Session::listening(limits)),
        incoming: Incoming::new(payload, limits.body_bytes_max),
        news: serving.node().news.listen(),
        outbox,
        serving,
        answering: None,
        heard: true,
        behind: false,
        _place: place,
    };
    actix_web::rt::spawn(connection.run());
    HttpResponse::from(response)
}

type Answering = Pin<Box<dyn Future<Output = Reply>>>;

struct Connection {
    serving: Arc<Serving>,
    session: Arc<Session>,
    incoming: Incoming,
    outbox: Rc<Outbox>,
    news: watch::Receiver<()>,
    answering: Option<Answering>,
    /// Whether anything came since the last ping.
    heard: bool,
    /// Whether there is more to tell already.
    behind: bool,
    _place: OwnedSemaphorePermit,
}

/// The connection ends, for this reason if it is ours.
struct Ended(Option<CloseReason>);

impl Connection {
    async fn run(mut self) {
        let mut pings = interval(self.limits().ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once.
        pings.tick().await;
        let Ended(reason) = loop {
            if let Err(ended) = self.step(&mut pings).await {
                break ended;
            }
        };
        self.outbox.close(reason);
    }

    fn limits(&self) -> &RpcLimits {
        &self.serving.node().config().rpc
    }

    /// Waits for what comes first and does it.
    async fn step(&mut self, pings: &mut tokio::time::Interval) -> Result<(), Ended> {
        let reads = self.answering.is_none() && self.outbox.has_room();
        tokio::select! {
            reply = answered(&mut self.answering) => self.reply(reply),
            received = self.incoming.next(), if reads => self.receive(received),
            () = self.outbox.changed() => match self.outbox.is_gone() {
                true => Err(Ended(None)),
                false => Ok(()),
            },
            () = something_new(&mut self.news, self.behind) => self.tell().await,
            _ = pings.tick() => self.ping(),
        }
    }

    fn receive(&mut self, received: Received) -> Result<(), Ended> {
        self.heard = true;
        match received {
            Received::Text(body) => {
                let (serving, session) = (self.serving.clone(), self.session.clone());
                self.answering = Some(Box::pin(async move { serving.serve(&session, body).await }));
                Ok(())
            }
            Received::Ping(content) => self.send(Message::Pong(content)),
            Received::Pong => Ok(()),
            Received::TooLarge => {
                let most = self.limits().body_bytes_max;
                close(CloseCode::Size, format!("a message has at most {most} bytes"))
            }
            Received::Malformed => close(CloseCode::Protocol, "malformed frame".into()),
            Received::Closed(reason) => Err(Ended(reason)),
        }
    }

    fn reply(&mut self, reply: Reply) -> Result<(), Ended> {
        self.answering = None;
        if let Reply::Text(text) | Reply::Busy(text) = reply {
            self.send(Message::Binary(Bytes::from(text)))?;
        }
        self.session.answered();
        // What was subscribed to may have happened meanwhile.
        self.behind = true;
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), Ended> {
        let news = match rpc::news(self.serving.node(), &self.session) {
            Ok(news) => news,
            Err(error) => return close(CloseCode::Error, error.message),
        };
        self.behind = news.more;
        for message in news.messages {
            self.send(Message::Text(message.into()))?;
        }
        // Lets the socket take what it can before there is more.
        tokio::task::yield_now().await;
        Ok(())
    }

    fn ping(&mut self) -> Result<(), Ended> {
        if !self.heard && self.answering.is_none() {
            return close(CloseCode::Policy, "no answer to a ping".into());
        }
        self.heard = false;
        self.send(Message::Ping(Bytes::new()))
    }

    /// Queues a message. Answers come as text too: `Binary` only spares looking at them again.
    fn send(&mut self, message: Message) -> Result<(), Ended> {
        if self.outbox.push(message) {
            return Ok(());
        }
        let most = self.limits().socket_bytes_max;
        self.outbox.forget();
        close(CloseCode::Policy, format!("slow reader: more than {most} bytes wait"))
    }
}

fn close(code: CloseCode, description: String) -> Result<(), Ended> {
    Err(Ended(Some(CloseReason { code, description: Some(description) })))
}

/// The reply to the request that runs; never if none does.
async fn answered(answering: &mut Option<Answering>) -> Reply {
    match answering {
        Some(answering) => answering.await,
        None => std::future::pending().await,
    }
}

async fn something_new(news: &mut watch::Receiver<()>, behind: bool) {
    // The sender of news lives as long as the node, and the node as long as the connection.
    if !behind && news.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
