//! A line between two programs of one machine that can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Carries every connection to an address on to another one, while it is open. It ends when this is
/// dropped.
pub struct Relay {
    open: watch::Sender<bool>,
}

impl Relay {
    /// An open one to `target`, and where it listens.
    pub async fn to(target: SocketAddr) -> (Relay, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            let mut ended = state.clone();
            tokio::select! {
                () = accept(listener, target, state) => {}
                // Fails when the relay is dropped.
                _ = ended.wait_for(|_| false) => {}
            }
        });
        (Relay { open }, address)
    }

    /// Cuts what goes through it and refuses what comes, or carries again.
    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: watch::Receiver<bool>) {
    while let Ok((near, _)) = listener.accept().await {
        if *state.borrow() {
            tokio::spawn(carry(near, target, state.clone()));
        }
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut state: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        // Either end may go away: whoever dialled dials again.
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = state.wait_for(|open| !open) => {}
    }
}
