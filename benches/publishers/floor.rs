//! The floor: one thread that waits for whichever socket has bytes, reads them and forgets them.

use std::io::{self, Read};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// As much as the gateway reads at a time.
const READ_SIZE: usize = 64 << 10;
const LISTENER: Token = Token(usize::MAX);

/// Reads until it is ended. Prints the port it listens on.
pub fn serve() -> io::Result<()> {
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("{}", listener.local_addr()?.port());
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut sockets, mut buffer): (Vec<TcpStream>, _) = (Vec::new(), vec![0; READ_SIZE]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    poll.registry().register(&mut socket, Token(sockets.len()), Interest::READABLE)?;
                    sockets.push(socket);
                }
            } else if let Some(socket) = sockets.get_mut(event.token().0) {
                // Fewer bytes than asked for: there are no more, and the next ones are an event of their own.
                while socket.read(&mut buffer).is_ok_and(|count| count == READ_SIZE) {}
            }
        }
    }
}
