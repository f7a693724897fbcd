//! The HTTP side: routes, push exits, HLS, DASH, the API and the pages.
