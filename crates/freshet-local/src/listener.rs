//! A listener on 127.0.0.1 that answers HTTP/1.1 and ends gracefully. It is the only place that binds a port.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A listener that is answering.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Reply<B> {
    /// It is answered.
    Answer(Response<B>),
    /// The connection is closed without an answer.
    Close,
}

/// The connection is to be closed.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
struct Closed;

impl Listener {
    /// Listens on a port and answers with `handler`; port 0 picks one.
    pub(crate) async fn serve<H, F, B>(port: u16, handler: H) -> std::io::Result<Self>
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply<B>> + Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, handler, stopped));
        Ok(Self { address, stop, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no further request, and returns when those under way are answered.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        // The task ends by itself; that it was cancelled or panicked changes nothing here.
        let _ = self.task.await;
    }
}

async fn accept<H, F, B>(listener: TcpListener, handler: H, mut stopped: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, handler.clone(), stopped.clone()));
                }
                Err(error) => tracing::warn!(%error, "could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse<H, F, B>(stream: TcpStream, handler: H, mut stopped: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Small answers go out at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set a connection's options");
    }
    let service = service_fn(move |request| {
        let reply = handler(request);
        async move {
            match reply.await {
                Reply::Answer(response) => Ok(response),
                Reply::Close => Err(Closed),
            }
        }
    });
    let builder = Builder::new(TokioExecutor::new()).http1_only();
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut stops = true;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            _ = stopped.changed(), if stops => {
                stops = false;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A body; nothing where it is larger than so many bytes. What is beyond is read too, up to a bound, and dropped: a sender
/// that is still writing would not see the answer.
pub(crate) async fn read_body(mut body: Incoming, limit: usize) -> Option<Bytes> {
    const DRAIN_LIMIT: usize = 64 * 1024 * 1024;
    let mut kept = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.ok()?.into_data().unwrap_or_default();
        size += data.len();
        if size <= limit {
            kept.extend_from_slice(&data);
        } else if size > DRAIN_LIMIT {
            return None;
        }
    }
    (size <= limit).then(|| kept.freeze())
}
