//! The sandbox in a process of its own, behind a line that takes its time.

use std::io::BufRead;
use std::time::Duration;

use certplan::sandbox::{LookPhase, Sandbox, SandboxOptions, Timing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The sandbox is ready a little before the second look.
const READY_AFTER: Duration = Duration::from_millis(400);

/// Serves until a line comes in; then says how many requests there were, and ends.
pub(crate) fn serve(latency: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SandboxOptions {
            timing: Timing {
                looks: vec![LookPhase { every: READY_AFTER, lasting: Duration::from_secs(36_000) }],
                validation_after: READY_AFTER,
                direct_validation_after: READY_AFTER,
                vetting: Duration::ZERO,
                ..Timing::quick()
            },
            downloads_refused: 0,
            ..SandboxOptions::standalone()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let url = sandbox.base_url();
        let shown = if latency.is_zero() {
            url
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let shown = format!("http://{}", listener.local_addr().unwrap());
            let address = url.trim_start_matches("http://").to_owned();
            tokio::spawn(delay_all(listener, address, latency));
            shown
        };
        println!("{shown}");
        let line = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next());
        let _ = line.await;
        println!("{}", sandbox.controls().requests().len());
    });
    runtime.shutdown_background();
}

async fn delay_all(listener: TcpListener, address: String, latency: Duration) {
    loop {
        let Ok((near, _)) = listener.accept().await else { return };
        let address = address.clone();
        tokio::spawn(async move {
            let far = TcpStream::connect(address).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            let (mut from_near, mut to_near) = near.into_split();
            let (mut from_far, mut to_far) = far.into_split();
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_far, &mut to_near).await;
            });
            // What comes in goes out later, however much comes in meanwhile.
            let (late, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
            tokio::spawn(async move {
                while let Some((at, bytes)) = due.recv().await {
                    tokio::time::sleep_until(at).await;
                    if to_far.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            });
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let count = from_near.read(&mut buffer).await?;
                if count == 0
                    || late.send((Instant::now() + latency, buffer[..count].to_vec())).is_err()
                {
                    return Ok::<(), std::io::Error>(());
                }
            }
        });
    }
}
