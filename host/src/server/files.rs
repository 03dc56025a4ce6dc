//! The part of the composition root that is about files.

use std::sync::Arc;

use super::{Server, StartError, Tls, base, listen, wall_clock};
use crate::config::Config;
use crate::files::{Depot, Door, Files};
use crate::tls::Handshake;
use crate::work::{Calls, Transfers};

impl Server {
    /// Opens the place for files, and the listener for stations if there is to be one.
    pub(super) fn open_files(
        &mut self,
        config: &Config,
        tls: &Tls,
        calls: &Calls,
    ) -> Result<Transfers, StartError> {
        let settings = &config.files;
        let path = settings.directory.clone();
        let depot = Depot::open(path.clone(), settings.bounds.floor);
        let depot = depot.map_err(|source| StartError::FilesDirectory { path, source })?;
        let listener = settings.listen.map(listen).transpose()?;
        self.files = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let scheme = if settings.tls { "https" } else { "http" };
        let url = self.files.map(|listening| match &settings.url {
            Some(url) => url.clone(),
            None => base(scheme, listening),
        });
        let files = Files::new(self.store.clone(), depot, settings.bounds, url, wall_clock);
        if let Some(listener) = listener {
            let handshake = settings.tls.then(|| Handshake::new(tls.own.clone(), &tls.authority));
            let handshake =
                handshake.transpose().map_err(|error| StartError::Tls(error.to_string()))?;
            let door = Arc::new(Door::new(files.clone()));
            self.tasks.push(tokio::spawn(door.serve(listener, handshake, self.stopping.clone())));
        }
        let transfers = Transfers::new(files, calls.clone(), self.registry.clone());
        self.tasks.push(tokio::spawn(transfers.clone().keep(self.stopping.clone())));
        Ok(transfers)
    }
}
