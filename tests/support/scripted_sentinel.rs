//! A scripted Sentinel, for moments of a failover that are too short to meet with a real one.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::sentinel::MASTER;

pub(crate) struct Scripted {
    pub(crate) port: u16,
    says: Arc<Mutex<Says>>,
    listening: Arc<Mutex<Vec<TcpStream>>>,
}

/// Ports of servers.
#[derive(Clone, Copy)]
pub(crate) struct Says {
    pub(crate) epoch: u64,
    /// The answer of `SENTINEL MASTER`.
    pub(crate) configured: u16,
    /// The answer of `SENTINEL GET-MASTER-ADDR-BY-NAME`.
    pub(crate) named: u16,
}

impl Says {
    pub(crate) fn master(epoch: u64, port: u16) -> Self {
        Self { epoch, configured: port, named: port }
    }
}

impl Scripted {
    pub(crate) fn start(says: Says) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let says = Arc::new(Mutex::new(says));
        let listening = Arc::<Mutex<Vec<TcpStream>>>::default();
        let state = (Arc::clone(&says), Arc::clone(&listening));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (says, listening) = state.clone();
                thread::spawn(move || serve(client, &says, &listening));
            }
        });
        Self { port, says, listening }
    }

    pub(crate) fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// Publishes a message to the subscribers.
    pub(crate) fn publish(&self, channel: &str, message: &str) {
        let push = array(&["message", channel, message]);
        for mut listener in self.listening.lock().unwrap().iter() {
            let _ = listener.write_all(push.as_bytes());
        }
    }

    pub(crate) fn is_listened_to(&self) -> bool {
        !self.listening.lock().unwrap().is_empty()
    }

    pub(crate) fn url(sentinels: &[&Self]) -> String {
        let hosts: Vec<_> = sentinels.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
        format!("redis-sentinel://{}/{MASTER}", hosts.join(","))
    }
}

fn serve(mut client: TcpStream, says: &Mutex<Says>, listening: &Mutex<Vec<TcpStream>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while let Some(command) = command(&mut reader) {
        let words: Vec<String> = command.iter().map(|word| word.to_uppercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Says { epoch, configured, named } = *says.lock().unwrap();
        let answer = match words[..] {
            ["PING"] => "+PONG\r\n".to_owned(),
            ["SENTINEL", "MASTER", _] => {
                let (port, epoch) = (configured.to_string(), epoch.to_string());
                let place = ["name", MASTER, "ip", "127.0.0.1", "port", &port];
                array(&[&place[..], &["config-epoch", &epoch]].concat())
            }
            ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", _] => array(&["127.0.0.1", &named.to_string()]),
            ["SUBSCRIBE", ..] => {
                let channels = command[1..].iter().enumerate();
                let confirmed = |(place, channel): (usize, &String)| {
                    let length = channel.len();
                    format!("*3\r\n$9\r\nsubscribe\r\n${length}\r\n{channel}\r\n:{}\r\n", place + 1)
                };
                let answer: String = channels.map(confirmed).collect();
                // No message is published before the subscription is confirmed.
                let mut listening = listening.lock().unwrap();
                let _ = client.write_all(answer.as_bytes());
                listening.push(client.try_clone().unwrap());
                continue;
            }
            _ => "+OK\r\n".to_owned(),
        };
        if client.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The words of a command; `None` at the end of the connection.
fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let count = number(reader)?;
    (0..count)
        .map(|_| {
            let mut word = vec![0; number(reader)? + 2];
            reader.read_exact(&mut word).ok()?;
            word.truncate(word.len() - 2);
            String::from_utf8(word).ok()
        })
        .collect()
}

fn number(reader: &mut impl BufRead) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim_end().get(1..)?.parse().ok()
}

fn array(words: &[&str]) -> String {
    let each = |word: &&str| format!("${}\r\n{word}\r\n", word.len());
    format!("*{}\r\n{}", words.len(), words.iter().map(each).collect::<String>())
}
