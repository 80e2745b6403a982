//! What we ask of others, and how they might use it: addresses that are not theirs, answers without an end.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::outbound::http::{Client, HttpError, Lookup};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A resolver that gives these answers in turn, the last one for ever, and counts how often it is asked.
#[derive(Default)]
struct Names {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn answering(answers: &[&[&str]]) -> Arc<Self> {
        let read = |ips: &&[&str]| ips.iter().map(|ip| ip.parse().expect("an address")).collect();
        Arc::new(Self { answers: answers.iter().map(read).collect(), asked: AtomicUsize::new(0) })
    }
}

impl Lookup for Names {
    fn look_up(&self, _: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let n = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        let answer = self.answers[n].clone();
        Box::pin(async move { Ok(answer) })
    }
}

/// A server that answers every connection in its own way; gives its port and how many connections it saw.
async fn server<A: Future<Output = ()> + Send>(answer: impl Fn(TcpStream) -> A + Clone + Send + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                // Whatever it asks.
                let _ = stream.read(&mut request).await;
                answer(stream).await;
            });
        }
    });
    (port, seen)
}

async fn says(mut stream: TcpStream, bytes: Vec<u8>) {
    // The client may have heard enough.
    let _ = stream.write_all(&bytes).await;
}

async fn ask(client: &Client, url: &str) -> Result<(u16, Vec<u8>), HttpError> {
    client.post(url, "text/plain", b"hello".to_vec()).await.map(|answered| (answered.status, answered.body))
}

fn client(named: &[&str], names: &Arc<Names>) -> Client {
    let lookup: Arc<dyn Lookup> = names.clone();
    Client::with(named.iter().map(|n| (*n).to_owned()), lookup, Duration::from_secs(3)).expect("a client")
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_goes_where_it_points() {
    let (secret, seen) = server(|stream| says(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret".to_vec())).await;
    for target in [format!("http://127.0.0.1:{secret}/"), format!("http://[::ffff:127.0.0.1]:{secret}/"), "file:///etc/passwd".to_owned()] {
        let redirect = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n").into_bytes();
        let (port, _) = server(move |stream| says(stream, redirect.clone())).await;
        let client = client(&["witness.example"], &Names::answering(&[&["127.0.0.1"]]));
        let (status, body) = ask(&client, &format!("http://witness.example:{port}/")).await.expect("an answer");
        assert_eq!((status, body.len()), (307, 0));
    }
    assert_eq!(seen.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_only_what_was_checked_is_asked() {
    let (port, seen) = server(|stream| says(stream, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok".to_vec())).await;
    // Nobody named this host: whatever it resolves to now, inside is not where it leads.
    for inside in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::"] {
        let names = Names::answering(&[&[inside]]);
        let error = ask(&client(&[], &names), &format!("http://rebind.example:{port}/")).await.expect_err("a private address");
        assert!(error.to_string().contains("private address"), "{inside}: {error}");
        assert_eq!(names.asked.load(Ordering::Relaxed), 1, "{inside}");
    }
    assert_eq!(seen.load(Ordering::Relaxed), 0);
    // A host of the configuration may be inside, at the one address that the check saw.
    let names = Names::answering(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let client = client(&["witness.example"], &names);
    assert_eq!(ask(&client, &format!("http://witness.example:{port}/")).await.expect("an answer").0, 200);
    assert_eq!((names.asked.load(Ordering::Relaxed), seen.load(Ordering::Relaxed)), (1, 1));
    // Its name cannot be made to lead to a cloud's metadata.
    let error = ask(&client, &format!("http://witness.example:{port}/")).await.expect_err("a link-local address");
    assert!(error.to_string().contains("private address"), "{error}");
    assert_eq!((names.asked.load(Ordering::Relaxed), seen.load(Ordering::Relaxed)), (2, 1));
}

#[tokio::test]
async fn an_address_that_stands_for_another_is_known_in_every_spelling() {
    let client = client(&[], &Names::answering(&[&["127.0.0.1"]]));
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0",
        "[::]",
        "[::1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "[fe80::1]",
    ] {
        let error = ask(&client, &format!("http://{host}:9/")).await.expect_err(host);
        assert!(matches!(error, HttpError::Private(_)), "{host}: {error}");
    }
    for url in [
        "file:///etc/passwd",
        "ftp://witness.example/",
        "gopher://witness.example/",
        "data:text/plain,x",
        "unix:/run/x",
        "//x",
        "",
        "http://",
    ] {
        assert!(matches!(ask(&client, url).await, Err(HttpError::Address)), "{url}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    let endless = async |mut stream: TcpStream, head: &str| {
        if stream.write_all(head.as_bytes()).await.is_ok() {
            let piece = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
            while stream.write_all(&piece).await.is_ok() {}
        }
    };
    let chunked = move |stream| async move { endless(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await };
    let counted = move |stream| async move { endless(stream, "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n").await };
    let names = Names::answering(&[&["127.0.0.1"]]);
    let client = client(&["big.example"], &names);
    let (first, _) = server(chunked).await;
    let (second, _) = server(counted).await;
    for port in [first, second] {
        assert!(matches!(ask(&client, &format!("http://big.example:{port}/")).await, Err(HttpError::TooLong)));
    }
    // Neither do headers.
    let headers = |mut stream: TcpStream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x-more: and more and more and more and more\r\n").await.is_ok() {}
    };
    let (port, _) = server(headers).await;
    assert!(matches!(ask(&client, &format!("http://big.example:{port}/")).await, Err(HttpError::NoAnswer(_))));
}

#[tokio::test]
async fn an_answer_that_takes_for_ever_is_given_up() {
    let drips = |mut stream: TcpStream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let silent = |stream: TcpStream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    };
    let client = client(&["slow.example"], &Names::answering(&[&["127.0.0.1"]]));
    let (first, _) = server(drips).await;
    let (second, _) = server(silent).await;
    for port in [first, second] {
        let answered = tokio::time::timeout(Duration::from_secs(20), ask(&client, &format!("http://slow.example:{port}/"))).await;
        assert!(matches!(answered.expect("it is given up in time"), Err(HttpError::NoAnswer(_))));
    }
}

#[tokio::test]
async fn nothing_is_decompressed() {
    // gzip of zeros: forty bytes that some clients would make a mebibyte of.
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xed, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8, 10]].concat();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let answer = [head.as_bytes(), &bomb].concat();
    let (port, _) = server(move |stream| says(stream, answer.clone())).await;
    let client = client(&["gzip.example"], &Names::answering(&[&["127.0.0.1"]]));
    assert_eq!(ask(&client, &format!("http://gzip.example:{port}/")).await.expect("an answer").1, bomb);
}
