//! The player's half of a session: what it is told, in the order that players expect, and what it may ask for while media flows.
//!
//! The media itself never passes through here: it goes out between what the session says, on chunk streams of its own (see
//! [`unit`](crate::rtmp::unit)).

use std::time::Instant;

use super::event::{Event, PlayControl, RequestId, StaleRequest};
use super::server::{Intent, Session, Stage};
use crate::amf0;
use crate::rtmp::command;
use crate::rtmp::link::csid;
use crate::rtmp::message::{Typed, UserControl};
use crate::rtmp::status::Code;

/// In `capsEx`: the client knows what a reconnect request is.
const CAP_RECONNECT: u32 = 1;

impl Session {
    /// Lets the client play: StreamBegin, Play.Reset where it wants what played before dropped, Play.Start and leave to look at the
    /// samples. The stream's own messages are its owner's to send, behind what [`Session::poll_output`] then gives.
    ///
    /// # Errors
    /// The request is no longer open.
    pub fn accept_play(&mut self, id: RequestId, now: Instant) -> Result<(), StaleRequest> {
        let (msid, Intent::Play { reset }) = self.open_request(id)? else { return Err(StaleRequest) };
        self.link.set_limits(self.options.chunk.for_commands());
        self.events.shrink_to_fit();
        self.link.control(Typed::UserControl(UserControl::StreamBegin(msid)));
        if reset {
            self.link.command(msid, command::on_status(Code::PlayReset, "Playing and resetting."));
        }
        self.link.command(msid, command::on_status(Code::PlayStart, "Playing."));
        let access = amf0::encode(&["|RtmpSampleAccess".into(), true.into(), true.into()]);
        self.link.send(csid::STATUS, msid, 0, Typed::Data(access));
        self.enter(Stage::Playing { msid }, now);
        Ok(())
    }

    /// Tells a player that nothing comes for now. Its publisher is gone, but may come back: UnpublishNotify would send FFmpeg's and
    /// librtmp's players home.
    pub fn tell_dry(&mut self) {
        if let Stage::Playing { msid } = self.stage {
            self.link.control(Typed::UserControl(UserControl::StreamDry(msid)));
        }
    }

    /// Tells a player that its stream is over; it closes the connection then, or asks for another stream.
    pub fn end_play(&mut self, now: Instant) {
        if let Stage::Playing { msid } = self.stage {
            self.link.command(msid, command::on_status(Code::PlayUnpublishNotify, "The stream has ended."));
            self.link.command(msid, command::on_status(Code::PlayStop, "Stopped."));
            self.link.control(Typed::UserControl(UserControl::StreamEof(msid)));
            self.enter(Stage::Open, now);
        }
    }

    /// Asks for a sign of life: the peer sends the value back.
    pub fn ping(&mut self, milliseconds: u32) {
        self.link.control(Typed::UserControl(UserControl::PingRequest(milliseconds)));
    }

    /// Asks the client to connect anew. False where it never said that it knows how to.
    pub fn request_reconnect(&mut self, description: &str) -> bool {
        let knows = self.connect.as_ref().is_some_and(|connect| connect.caps_ex() & CAP_RECONNECT != 0);
        if knows && !matches!(self.stage, Stage::Closed) {
            self.link.command(0, command::on_status(Code::ConnectReconnectRequest, description));
        }
        knows
    }

    pub(super) fn stop_play(&mut self, msid: u32) {
        self.link.command(msid, command::on_status(Code::PlayStop, "Stopped."));
        self.link.control(Typed::UserControl(UserControl::StreamEof(msid)));
        self.events.push_back(Event::PlayStopped);
    }

    pub(super) fn on_pause(&mut self, paused: bool) {
        let Stage::Playing { msid } = self.stage else {
            self.ignored += 1;
            return;
        };
        if paused {
            self.link.command(msid, command::on_status(Code::PauseNotify, "Paused."));
            self.link.control(Typed::UserControl(UserControl::StreamEof(msid)));
        } else {
            self.link.control(Typed::UserControl(UserControl::StreamBegin(msid)));
            self.link.command(msid, command::on_status(Code::UnpauseNotify, "Playing on, live."));
        }
        self.events.push_back(Event::Control(PlayControl::Pause(paused)));
    }

    /// There is nowhere to go in a live stream; an error would make players give up.
    pub(super) fn on_seek(&mut self) {
        match self.stage {
            Stage::Playing { msid } => self.link.command(msid, command::on_status(Code::SeekNotify, "The stream is live; its time stays.")),
            _ => self.ignored += 1,
        }
    }

    pub(super) fn on_receive(&mut self, control: PlayControl, wanted: bool) {
        let Stage::Playing { msid } = self.stage else {
            self.ignored += 1;
            return;
        };
        if wanted {
            self.link.command(msid, command::on_status(Code::SeekNotify, "Going on with the newest key frame."));
            self.link.command(msid, command::on_status(Code::PlayStart, "Playing."));
        }
        self.events.push_back(Event::Control(control));
    }

    /// Another rendition is another name here, to be asked for by play.
    pub(super) fn on_play2(&mut self, msid: u32) {
        let description = "Changing over by play2 is not offered: play the other stream's name instead.";
        self.link.command(msid, command::on_status(Code::PlayFailed, description));
    }
}
