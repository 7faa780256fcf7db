//! A loopback server for tests that answers each connection with the next scripted bytes.
//!
//! Raw bytes, because the interesting answers are the ones no web framework would send.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{BaseUrl, Connection};
use crate::types::Secret;

/// The key that scripted tests use.
pub(crate) const KEY: &str = "rf-secret.key=0123456789";

/// What the server does with one connection, after it has read the request.
pub(crate) enum Reply {
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Writes these bytes as soon as anything arrives, and closes: a server that knows no TLS.
    AtOnce(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Holds the connection open without a word.
    Hang,
}

/// Answers scripted replies in order; remembers the requests.
pub(crate) struct Script {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Reply {
    /// A whole JSON answer.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::answer(status, "Content-Type: application/json; charset=utf-8\r\n", body)
    }

    /// A whole answer; each header ends with a line break.
    pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Self {
        Self::Bytes(
            format!(
                "HTTP/1.1 {status} Scripted\r\nConnection: close\r\n{headers}Content-Length: \
                 {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        )
    }
}

impl Script {
    /// Starts the server; it ends with the test's runtime.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut held = Vec::new();
            for reply in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = match reply {
                    Reply::AtOnce(_) => read_some(&mut stream).await,
                    _ => read_request(&mut stream).await,
                };
                seen.lock().unwrap().push(request);
                match reply {
                    Reply::Bytes(bytes) | Reply::AtOnce(bytes) => {
                        drop(stream.write_all(&bytes).await);
                    }
                    Reply::Close => {}
                    Reply::Hang => held.push(stream),
                }
            }
            // What comes after the script hangs, and is seen in `requests` by nobody.
            std::future::pending::<()>().await;
        });
        Self { url, requests }
    }

    /// The connection to this server with [`KEY`].
    pub(crate) fn connection(&self) -> Connection {
        connection(&self.url)
    }

    /// Every request so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The first line of every request so far, without the protocol.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |request: &String| {
            request.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned()
        };
        self.requests().iter().map(line).collect()
    }

    /// The JSON body of the request at `index`.
    pub(crate) fn body(&self, index: usize) -> serde_json::Value {
        let requests = self.requests();
        let (_, body) = requests[index].split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}

/// A connection to `url` with [`KEY`].
pub(crate) fn connection(url: &str) -> Connection {
    Connection::regfish(BaseUrl::parse(url).unwrap(), Secret::new(KEY.to_owned()))
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_buf(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads head and body of one request.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}
