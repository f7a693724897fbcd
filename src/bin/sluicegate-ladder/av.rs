//! What the worker needs of libav, behind calls that are safe: the one place in the house that touches its pointers.
//!
//! Times are nanoseconds here, as libav's time base says: they go in and come out untouched.
#![allow(unsafe_code)]

use std::ptr;

use ffmpeg_next as ff;
use ffmpeg_next::ffi;

use ff::codec::{Context, Flags, threading};
use ff::format::Pixel;
use ff::frame::Video as Picture;
use ff::frame::side_data::Type as SideData;
use ff::software::scaling;
use sluicegate::media::Codec;
use sluicegate::transcode::ladder::MAX_SOURCE_PIXELS;

/// Nanoseconds.
pub const TIME_BASE: ff::Rational = ff::Rational(1, 1_000_000_000);

/// Picture size and format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    pub width: u32,
    pub height: u32,
    pub format: Pixel,
}

impl Form {
    pub fn of(picture: &Picture) -> Self {
        Self { width: picture.width(), height: picture.height(), format: picture.format() }
    }
}

/// Makes libav ready, and silent: what goes wrong with a frame is counted, not told line by line.
pub fn begin() -> Result<(), ff::Error> {
    ff::init()?;
    ff::log::set_level(ff::log::Level::Fatal);
    Ok(())
}

// ---- decoding -------------------------------------------------------------------------------------------------------

/// Decodes the source.
pub struct Decoder(ff::decoder::Video);

impl Decoder {
    /// A decoder of that codec; none where libav has none.
    ///
    /// # Errors
    /// When libav refuses the configuration.
    pub fn open(codec: &Codec, threads: u32) -> Result<Option<Self>, ff::Error> {
        let Some((id, record)) = source(codec) else { return Ok(None) };
        let Some(mut context) = configured(id, record)? else { return Ok(None) };
        let kind = if threads > 1 { threading::Type::Frame } else { threading::Type::Slice };
        context.set_threading(threading::Config { kind, count: threads as usize, ..Default::default() });
        if id == ff::codec::Id::AV1 {
            // Lets dav1d give each frame at once; others would lose the order of B-frames by it.
            context.set_flags(Flags::LOW_DELAY);
        }
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(TIME_BASE);
        decoder.video().map(|decoder| Some(Self(decoder)))
    }

    /// Gives it a frame, with the configuration that is in force from it on where that has changed. False while it must give pictures first.
    ///
    /// # Errors
    /// When the frame cannot be decoded.
    pub fn send(&mut self, data: &[u8], pts: i64, config: Option<&Codec>) -> Result<bool, ff::Error> {
        let mut packet = ff::Packet::copy(data);
        packet.set_pts(Some(pts));
        if let Some((_, record)) = config.and_then(source).filter(|(_, record)| !record.is_empty()) {
            use ff::packet::Mut;
            // SAFETY: libav gives as many bytes as were asked for, or none.
            unsafe {
                let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA;
                let bytes = ffi::av_packet_new_side_data(packet.as_mut_ptr(), kind, record.len() as _);
                if !bytes.is_null() {
                    ptr::copy_nonoverlapping(record.as_ptr(), bytes, record.len());
                }
            }
        }
        match self.0.send_packet(&packet) {
            Ok(()) => Ok(true),
            Err(error) if is_again(error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Nothing more is sent: what it still holds comes out.
    pub fn finish(&mut self) {
        // It refuses only what it has been told already.
        let _ = self.0.send_eof();
    }

    /// The next picture in the order of presentation.
    ///
    /// # Errors
    /// When the frame behind it cannot be decoded.
    pub fn receive(&mut self) -> Result<Option<Picture>, ff::Error> {
        let mut picture = Picture::empty();
        match self.0.receive_frame(&mut picture) {
            Ok(()) => Ok(Some(picture)),
            Err(ff::Error::Eof) => Ok(None),
            Err(error) if is_again(error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A decoder's context with its configuration; none where libav has no such decoder.
///
/// # Errors
/// When there is no memory.
pub fn configured(id: ff::codec::Id, record: &[u8]) -> Result<Option<Context>, ff::Error> {
    let Some(found) = ff::decoder::find(id) else { return Ok(None) };
    let mut context = Context::new_with_codec(found);
    // SAFETY: the context is ours and not open yet; libav frees extradata with it, and wants it from its own allocator and padded.
    unsafe {
        let bytes = ffi::av_mallocz(record.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize).cast::<u8>();
        if bytes.is_null() {
            return Err(ff::Error::from(ffi::AVERROR(ff::error::ENOMEM)));
        }
        ptr::copy_nonoverlapping(record.as_ptr(), bytes, record.len());
        (*context.as_mut_ptr()).extradata = bytes;
        (*context.as_mut_ptr()).extradata_size = record.len() as i32;
        // The frames may say otherwise than the configuration, on which the plan was made.
        (*context.as_mut_ptr()).max_pixels = MAX_SOURCE_PIXELS as i64;
    }
    Ok(Some(context))
}

/// The decoder's name for the codec, and the configuration that it wants with it.
fn source(codec: &Codec) -> Option<(ff::codec::Id, &[u8])> {
    use ff::codec::Id;
    Some(match codec {
        Codec::Avc(config) => (Id::H264, &config.record),
        Codec::Hevc(config) => (Id::HEVC, &config.record),
        Codec::Av1(config) => (Id::AV1, &config.record),
        Codec::Vp8(_) => (Id::VP8, &[]),
        Codec::Vp9(_) => (Id::VP9, &[]),
        _ => return None,
    })
}

/// Whether libav wants something else first.
pub fn is_again(error: ff::Error) -> bool {
    error == ff::Error::Other { errno: ff::error::EAGAIN }
}

// ---- pictures -------------------------------------------------------------------------------------------------------

/// Makes pictures of one form out of those of another.
pub struct Scaler(scaling::Context, Form);

impl Scaler {
    /// # Errors
    /// When libav cannot.
    pub fn new(from: Form, to: Form) -> Result<Self, ff::Error> {
        let flags = scaling::Flags::BICUBIC;
        scaling::Context::get(from.format, from.width, from.height, to.format, to.width, to.height, flags).map(|context| Self(context, to))
    }

    /// The picture in the other form, with its time, colours and captions.
    ///
    /// # Errors
    /// When it is not of the form that was promised, or there is no memory.
    pub fn run(&mut self, from: &Picture) -> Result<Picture, ff::Error> {
        let mut to = Picture::new(self.1.format, self.1.width, self.1.height);
        self.0.run(from, &mut to)?;
        // SAFETY: both are whole frames; only what is told about the picture is copied.
        checked(unsafe { ffi::av_frame_copy_props(to.as_mut_ptr(), from.as_ptr()) })?;
        Ok(to)
    }
}

/// The same picture once more, without a copy of its pixels.
pub fn share(picture: &Picture) -> Picture {
    // SAFETY: an empty frame is ours and takes one more reference to the buffers.
    unsafe {
        let mut shared = Picture::empty();
        ffi::av_frame_ref(shared.as_mut_ptr(), picture.as_ptr());
        shared
    }
}

/// The caption bytes (CEA-708 `cc_data`, three bytes each) that came with a picture.
pub fn captions(picture: &Picture) -> Vec<u8> {
    picture.side_data(SideData::A53CC).map(|data| data.data().to_vec()).unwrap_or_default()
}

/// Puts caption bytes in the place of those that the picture had.
pub fn set_captions(picture: &mut Picture, bytes: &[u8]) {
    picture.remove_side_data(SideData::A53CC);
    // SAFETY: libav gives as many bytes as were asked for, or none.
    unsafe {
        let kind = ffi::AVFrameSideDataType::AV_FRAME_DATA_A53_CC;
        let data = ffi::av_frame_new_side_data(picture.as_mut_ptr(), kind, bytes.len() as _);
        if !data.is_null() {
            ptr::copy_nonoverlapping(bytes.as_ptr(), (*data).data, bytes.len());
        }
    }
}

/// The matrix that a picture is to be shown with, if it came with one. The picture has it no longer: no version of libav is to tell of it, too.
pub fn take_matrix(picture: &mut Picture) -> Option<[i32; 9]> {
    let mut matrix = [0; 9];
    let bytes = picture.side_data(SideData::DisplayMatrix)?.data().to_vec();
    picture.remove_side_data(SideData::DisplayMatrix);
    let (cells, _) = bytes.as_chunks::<4>();
    matrix.iter_mut().zip(cells).for_each(|(cell, bytes)| *cell = i32::from_ne_bytes(*bytes));
    Some(matrix)
}

// ---- encoding -------------------------------------------------------------------------------------------------------

/// What an encoder is opened with, beside its own options.
pub struct Target {
    pub width: u32,
    pub height: u32,
    pub bit_rate: u32,
    /// Frames in so many seconds.
    pub frame_rate: (i32, i32),
    pub threads: u32,
}

/// Encodes one rung.
pub struct Encoder {
    encoder: ff::encoder::video::Encoder,
    /// Where pictures go first, for encoders that take them from the device's memory alone.
    surfaces: Option<Surfaces>,
}

/// One coded frame.
pub struct Coded {
    pub pts: i64,
    pub is_key: bool,
    pub data: Vec<u8>,
}

impl Encoder {
    /// Opens the encoder of that name for pictures like this one.
    ///
    /// # Errors
    /// When libav has none of that name, or it refuses.
    pub fn open(name: &str, target: &Target, like: &Picture, options: &[(&str, String)]) -> Result<Self, ff::Error> {
        let found = ff::encoder::find_by_name(name).ok_or(ff::Error::EncoderNotFound)?;
        let mut context = Context::new_with_codec(found);
        // The configuration stands before the frames, not in them. Closed GOPs: SVT-AV1 makes other keyframes without that flag.
        context.set_flags(Flags::GLOBAL_HEADER | Flags::CLOSED_GOP);
        context.set_threading(threading::Config { kind: threading::Type::Slice, count: target.threads as usize, ..Default::default() });
        let mut encoder = context.encoder().video()?;
        encoder.set_width(target.width);
        encoder.set_height(target.height);
        let surfaces = if name.ends_with("_vaapi") { Some(Surfaces::new(Form::of(like), &mut encoder)?) } else { None };
        encoder.set_format(if surfaces.is_some() { Pixel::VAAPI } else { like.format() });
        encoder.set_aspect_ratio(like.aspect_ratio());
        encoder.set_time_base(TIME_BASE);
        encoder.set_frame_rate(Some(ff::Rational(target.frame_rate.0, target.frame_rate.1)));
        encoder.set_bit_rate(target.bit_rate as usize);
        encoder.set_max_b_frames(0);
        encoder.set_colorspace(like.color_space());
        encoder.set_color_range(like.color_range());
        encoder.set_color_primaries(like.color_primaries());
        encoder.set_color_transfer_characteristic(like.color_transfer_characteristic());
        let mut dictionary = ff::Dictionary::new();
        for (key, value) in options {
            dictionary.set(key, value);
        }
        Ok(Self { encoder: encoder.open_with(dictionary)?, surfaces })
    }

    /// Its configuration, in the form that its codec has at the beginning of a stream.
    pub fn config(&self) -> Vec<u8> {
        config_of(&self.encoder)
    }

    /// Gives it a picture.
    ///
    /// # Errors
    /// When it cannot encode it.
    pub fn send(&mut self, picture: &Picture) -> Result<(), ff::Error> {
        match &self.surfaces {
            Some(surfaces) => surfaces.upload(picture).and_then(|surface| self.encoder.send_frame(&surface)),
            None => self.encoder.send_frame(picture),
        }
    }

    /// Nothing more is sent: what it still holds comes out.
    pub fn finish(&mut self) {
        // It refuses only what it has been told already.
        let _ = self.encoder.send_eof();
    }

    /// The next coded frame.
    ///
    /// # Errors
    /// When it failed.
    pub fn receive(&mut self) -> Result<Option<Coded>, ff::Error> {
        let mut packet = ff::Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => {
                let data = packet.data().unwrap_or_default().to_vec();
                Ok(Some(Coded { pts: packet.pts().unwrap_or_default(), is_key: packet.is_key(), data }))
            }
            Err(ff::Error::Eof) => Ok(None),
            Err(error) if is_again(error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The configuration of an open encoder.
pub fn config_of(encoder: &Context) -> Vec<u8> {
    // SAFETY: an open encoder keeps its extradata until it is closed, and says how long it is.
    unsafe {
        let context = &*encoder.as_ptr();
        match (context.extradata.is_null(), usize::try_from(context.extradata_size)) {
            (false, Ok(size)) => std::slice::from_raw_parts(context.extradata, size).to_vec(),
            _ => Vec::new(),
        }
    }
}

/// Pictures in the memory of a VA-API device: the first that there is.
struct Surfaces(*mut ffi::AVBufferRef);

// SAFETY: libav counts references to its buffers atomically, and one thread alone uses this one.
unsafe impl Send for Surfaces {}

/// Surfaces that are there from the beginning; drivers that cannot make more later need as many as an encoder holds.
const SURFACES: i32 = 20;

impl Surfaces {
    /// Opens the device, and tells the encoder that its pictures will lie there.
    fn new(form: Form, encoder: &mut ff::encoder::video::Video) -> Result<Self, ff::Error> {
        // SAFETY: each pointer is checked where libav may give none, and what was allocated belongs to `Self` or to the encoder.
        unsafe {
            let mut device = ptr::null_mut();
            let kind = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI;
            checked(ffi::av_hwdevice_ctx_create(&mut device, kind, ptr::null(), ptr::null_mut(), 0))?;
            let surfaces = Self(ffi::av_hwframe_ctx_alloc(device));
            ffi::av_buffer_unref(&mut device);
            if surfaces.0.is_null() {
                return Err(ff::Error::from(ffi::AVERROR(ff::error::ENOMEM)));
            }
            let context = (*surfaces.0).data.cast::<ffi::AVHWFramesContext>();
            (*context).format = Pixel::VAAPI.into();
            (*context).sw_format = form.format.into();
            (*context).width = form.width as i32;
            (*context).height = form.height as i32;
            (*context).initial_pool_size = SURFACES;
            checked(ffi::av_hwframe_ctx_init(surfaces.0))?;
            (*encoder.as_mut_ptr()).hw_frames_ctx = ffi::av_buffer_ref(surfaces.0);
            Ok(surfaces)
        }
    }

    fn upload(&self, picture: &Picture) -> Result<Picture, ff::Error> {
        let mut surface = Picture::empty();
        // SAFETY: an empty frame is ours; the device's context lives as long as `self`.
        unsafe {
            checked(ffi::av_hwframe_get_buffer(self.0, surface.as_mut_ptr(), 0))?;
            checked(ffi::av_hwframe_transfer_data(surface.as_mut_ptr(), picture.as_ptr(), 0))?;
            checked(ffi::av_frame_copy_props(surface.as_mut_ptr(), picture.as_ptr()))?;
        }
        Ok(surface)
    }
}

impl Drop for Surfaces {
    fn drop(&mut self) {
        // SAFETY: the reference is ours; libav takes none for nothing.
        unsafe { ffi::av_buffer_unref(&mut self.0) }
    }
}

fn checked(result: i32) -> Result<(), ff::Error> {
    if result < 0 { Err(ff::Error::from(result)) } else { Ok(()) }
}
