//! Our client and our server without a network between them.

use super::*;

/// Our client and our server, joined by two buffers, on virtual time.
pub(super) struct Pair {
    pub now: Instant,
    pub client: Client,
    pub server: Session,
    pub to_client: BytesMut,
    pub to_server: BytesMut,
    pub client_events: Vec<client::Event>,
    pub server_events: Vec<Event>,
    /// All that the server has sent.
    pub from_server: BytesMut,
}

impl Pair {
    pub fn new(options: client::Options) -> Self {
        let now = Instant::now();
        Self {
            now,
            client: Client::new(options, &mut StdRng::seed_from_u64(1)),
            server: Session::new(Options::default(), now, &mut StdRng::seed_from_u64(2)),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            client_events: Vec::new(),
            server_events: Vec::new(),
            from_server: BytesMut::new(),
        }
    }

    pub fn publisher() -> Self {
        Self::new(client::Options::new(Role::Publish, "host", "live", "key?token=t"))
    }

    /// Carries bytes until neither side has anything to say.
    pub fn run(&mut self) -> &mut Self {
        loop {
            let before = (self.client_events.len(), self.server_events.len());
            self.client_events.extend(std::iter::from_fn(|| self.client.poll_event(&mut self.to_client)));
            let sent = self.client.poll_output();
            self.to_server.extend_from_slice(sent.as_deref().unwrap_or_default());
            self.server_events.extend(std::iter::from_fn(|| self.server.poll_event(self.now, &mut self.to_server)));
            let answered = self.server.poll_output();
            self.to_client.extend_from_slice(answered.as_deref().unwrap_or_default());
            self.from_server.extend_from_slice(answered.as_deref().unwrap_or_default());
            if sent.is_none() && answered.is_none() && before == (self.client_events.len(), self.server_events.len()) {
                return self;
            }
        }
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.to_server.extend_from_slice(bytes);
        self.run()
    }

    pub fn request(&mut self) -> Request {
        match self.run().server_events.pop() {
            Some(Event::PublishRequested(request) | Event::PlayRequested(request)) => *request,
            other => panic!("a request was due, not {other:?}"),
        }
    }

    pub fn publishing() -> Self {
        let mut pair = Self::publisher();
        let request = pair.request();
        pair.server.accept_publish(request.id, pair.now).expect("is open");
        pair.run();
        assert_eq!(pair.client_events.pop(), Some(client::Event::Started));
        pair
    }

    pub fn failed(&mut self) -> Error {
        match self.run().server_events.pop() {
            Some(Event::Closed(CloseReason::Failed(error))) => error,
            other => panic!("a failure was due, not {other:?}"),
        }
    }

    pub fn refusal(&self) -> Option<&str> {
        self.client_events.iter().rev().find_map(|event| match event {
            client::Event::Refused { code, .. } => Some(code.as_str()),
            _ => None,
        })
    }
}

/// One message on the wire.
pub(super) fn message(type_id: u8, payload: impl Into<Bytes>) -> BytesMut {
    let mut out = BytesMut::new();
    let mut writer = Writer::default();
    writer.set_chunk_size(4096); // As our client has announced.
    // A chunk stream that our client does not use.
    writer.write(&Message { csid: 20, timestamp: 0, type_id, msid: 1, payload: payload.into() }, &mut out);
    out
}
