//! From a file to a version that is ready to serve. Nothing here touches what is in service.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tracing::warn;
use wasmtime::component::{Component, InstancePre};

use super::bindings::exports::plugpoint::plugin::{
    authorizer, inbox, lifecycle, observer, quirks, responder, tariff,
};
use super::context::{Call, Context, LogGate, begin};
use super::engine::open_compiled;
use super::error::{CallError, CompileError, LoadError};
use super::host::{Host, Prepared};
use super::imports::linker;
use super::inspect::{Inspection, inspect};
use super::instance::{Blueprint, Exports, Instance};
use super::limits::MEMORY_CEILING;
use super::manifest::Hook;
use super::plugin::Plugin;
use crate::domain::{Digest, Effects, MAX_PLUGIN_SETTINGS, PluginName, PluginVersion};

/// Bytes of one page of linear memory.
const PAGE: u64 = 64 << 10;

impl Host {
    /// Readies a component to take over from the version in service.
    pub async fn prepare(
        &self,
        name: &PluginName,
        wasm: Vec<u8>,
        settings: &str,
    ) -> Result<Prepared, LoadError> {
        let older = self.in_service(name);
        self.prepare_after(older.as_deref(), name, wasm, settings).await
    }

    /// Readies a component that an operator hands in, and keeps its file if it will do. `older` is the version that
    /// wrote the plugin's state last.
    pub async fn prepare_after(
        &self,
        older: Option<&str>,
        name: &PluginName,
        wasm: Vec<u8>,
        settings: &str,
    ) -> Result<Prepared, LoadError> {
        let settings = checked(settings)?;
        let (wasm, inspection) = inspected(wasm).await?;
        // Else a load that fails could take away the file that another one of the same component has just found.
        let _turn = self.loading.lock().await;
        let digest = inspection.digest.clone();
        let files = Arc::clone(&self.files);
        let new = blocking({
            let digest = digest.clone();
            move || files.keep(&digest, &wasm)
        })
        .await?;
        let prepared = self.ready(name, inspection, settings, older).await;
        if new && prepared.is_err() {
            self.files.forget(&digest)?;
        }
        prepared
    }

    /// Readies a version whose file is kept here to take over from the version in service.
    pub async fn prepare_kept(
        &self,
        name: &PluginName,
        version: &PluginVersion,
    ) -> Result<Prepared, LoadError> {
        let older = self.in_service(name);
        self.prepare_kept_after(older.as_deref(), name, version).await
    }

    /// Readies a version whose file is kept here: at start, and for a rollback. `older` as in
    /// [`prepare_after`](Self::prepare_after).
    pub async fn prepare_kept_after(
        &self,
        older: Option<&str>,
        name: &PluginName,
        version: &PluginVersion,
    ) -> Result<Prepared, LoadError> {
        let settings = checked(&version.settings)?;
        let (files, digest) = (Arc::clone(&self.files), version.digest.clone());
        let wasm = blocking(move || files.read(&digest)).await?;
        let wasm = wasm.ok_or_else(|| LoadError::NotKept(version.digest.clone()))?;
        let (_, mut inspection) = inspected(wasm).await?;
        if inspection.digest != version.digest {
            return Err(LoadError::Damaged(version.digest.clone()));
        }
        inspection.manifest.version.clone_from(&version.version);
        self.ready(name, inspection, settings, older).await
    }

    fn in_service(&self, name: &PluginName) -> Option<String> {
        self.plugin(name).map(|plugin| plugin.version().version.clone())
    }

    async fn ready(
        &self,
        name: &PluginName,
        inspection: Inspection,
        settings: String,
        older: Option<&str>,
    ) -> Result<Prepared, LoadError> {
        self.has_room_for(name)?;
        self.check_capabilities(&inspection)?;
        let component = self.compiled(&inspection.digest).await?;
        self.check_memory(&component)?;
        let version = PluginVersion {
            version: inspection.manifest.version.clone(),
            digest: inspection.digest.clone(),
            settings,
        };
        let linker = linker(&self.engine, &inspection.imports).map_err(contract)?;
        let code = linker.instantiate_pre(&component).map_err(contract)?;
        let blueprint = Blueprint {
            plugin: name.clone(),
            settings: version.settings.clone(),
            limits: self.config.limits.clone(),
            exports: exports(&inspection, &code)?,
            code,
            records: Arc::clone(&self.records),
            log_gate: Arc::new(LogGate::new(self.journal(name), version.version.clone())),
            listeners: Arc::clone(&self.listeners),
            places: Arc::clone(&self.places),
        };
        let replaces = self.plugin(name).map(|plugin| plugin.version().clone());
        let older = older.filter(|older| *older != version.version);
        let (first, effects) = first_instance(&blueprint, older).await?;
        let plugin = Arc::new(Plugin::new(version, inspection, blueprint, first));
        Ok(Prepared { plugin, effects, replaces })
    }

    /// What the code imports must be asked for by the manifest and granted by the operator.
    fn check_capabilities(&self, inspection: &Inspection) -> Result<(), LoadError> {
        if let Some((missing, line)) = inspection.not_asked() {
            return Err(LoadError::NotAsked { missing, line });
        }
        if inspection.hooks.is_empty() {
            return Err(LoadError::NoHook);
        }
        match inspection.imports.difference(&self.config.grants).next() {
            Some(capability) => Err(LoadError::NotGranted(*capability)),
            None => Ok(()),
        }
    }

    /// The smallest memory is known before anything runs.
    fn check_memory(&self, component: &Component) -> Result<(), LoadError> {
        let limit = self.config.limits.memory.min(MEMORY_CEILING);
        let pages = component.resources_required().and_then(|r| r.max_initial_memory_size);
        let needs = pages.unwrap_or(0).saturating_mul(PAGE);
        if needs > limit as u64 { Err(LoadError::NeedsMemory { needs, limit }) } else { Ok(()) }
    }

    /// The machine code of a kept component: from the cache if it is there and fits, else made now.
    async fn compiled(&self, digest: &Digest) -> Result<Component, LoadError> {
        if let Some(component) = self.cached(digest).await? {
            return Ok(component);
        }
        let _turn = self.compiling.acquire().await;
        if let Some(component) = self.cached(digest).await? {
            return Ok(component);
        }
        let (component, output) =
            (self.files.component(digest)?, self.files.unfinished_code(digest)?);
        self.config.compiler.compile(&component, &output).await?;
        let code = self.files.adopt_code(digest)?;
        Ok(self.open(code).await?)
    }

    /// `None` if there is no code that this engine can run.
    async fn cached(&self, digest: &Digest) -> Result<Option<Component>, LoadError> {
        let code = self.files.code(digest)?;
        if !code.exists() {
            return Ok(None);
        }
        match self.open(code).await {
            Ok(component) => Ok(Some(component)),
            Err(error) => {
                warn!(%digest, %error, "cached code is of no use and is made again");
                Ok(None)
            }
        }
    }

    async fn open(&self, code: PathBuf) -> Result<Component, CompileError> {
        let engine = self.engine.clone();
        let opened = tokio::task::spawn_blocking(move || open_compiled(&engine, &code)).await;
        match opened {
            Ok(Ok(component)) => Ok(component),
            Ok(Err(error)) => Err(CompileError::Open(format!("{error:#}"))),
            Err(panic) => Err(CompileError::Open(panic.to_string())),
        }
    }
}

/// Settings are a JSON object; none at all are an empty one.
fn checked(settings: &str) -> Result<String, LoadError> {
    if settings.len() > MAX_PLUGIN_SETTINGS {
        return Err(LoadError::SettingsTooLong(MAX_PLUGIN_SETTINGS));
    }
    if settings.trim().is_empty() {
        return Ok("{}".to_owned());
    }
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(settings)
        .map_err(|error| LoadError::Settings(error.to_string()))?;
    Ok(settings.to_owned())
}

async fn inspected(wasm: Vec<u8>) -> Result<(Vec<u8>, Inspection), LoadError> {
    let work = move || Ok(inspect(&wasm).map(|inspection| (wasm, inspection)));
    Ok(blocking(work).await??)
}

/// Runs what waits for a disk, or reads megabytes, beside the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
}

fn contract(error: wasmtime::Error) -> LoadError {
    LoadError::Contract(format!("{error:#}"))
}

/// Finds the functions of every interface that the component claims to export.
fn exports(inspection: &Inspection, code: &InstancePre<Context>) -> Result<Exports, LoadError> {
    let lifecycle = inspection.lifecycle.then(|| lifecycle::GuestIndices::new(code));
    let authorizer = inspection.hooks.contains(&Hook::Authorizer);
    let authorizer = authorizer.then(|| authorizer::GuestIndices::new(code));
    let tariff = inspection.hooks.contains(&Hook::Tariff);
    let tariff = tariff.then(|| tariff::GuestIndices::new(code));
    let observer = inspection.hooks.contains(&Hook::Observer);
    let observer = observer.then(|| observer::GuestIndices::new(code));
    let inbox = inspection.hooks.contains(&Hook::Inbox);
    let inbox = inbox.then(|| inbox::GuestIndices::new(code));
    let quirks = inspection.hooks.contains(&Hook::Quirks);
    let quirks = quirks.then(|| quirks::GuestIndices::new(code));
    let responder = inspection.hooks.contains(&Hook::Responder);
    let responder = responder.then(|| responder::GuestIndices::new(code));
    Ok(Exports {
        lifecycle: lifecycle.transpose().map_err(contract)?,
        authorizer: authorizer.transpose().map_err(contract)?,
        observer: observer.transpose().map_err(contract)?,
        tariff: tariff.transpose().map_err(contract)?,
        inbox: inbox.transpose().map_err(contract)?,
        quirks: quirks.transpose().map_err(contract)?,
        responder: responder.transpose().map_err(contract)?,
    })
}

/// Makes the first instance, which also answers whether the settings will do and takes over older state.
async fn first_instance(
    blueprint: &Blueprint,
    older: Option<&str>,
) -> Result<(Instance, Effects), LoadError> {
    let deadline = Instant::now() + blueprint.limits.load_wall;
    let mut instance = within(deadline, blueprint.build())
        .await
        .map_err(|error| LoadError::Failed { step: "starting", error })?;
    let told = within(deadline, validate(blueprint, &mut instance)).await;
    told.map_err(|error| match error {
        CallError::Told(why) => LoadError::SettingsRefused(why),
        error => LoadError::Failed { step: "checking its settings", error },
    })?;
    let told = within(deadline, blueprint.configure(&mut instance)).await;
    told.map_err(|error| match error {
        CallError::Told(why) => LoadError::SettingsRefused(why),
        error => LoadError::Failed { step: "taking its settings", error },
    })?;
    let Some(from) = older else { return Ok((instance, Effects::default())) };
    let told = within(deadline, migrate(blueprint, &mut instance, from)).await;
    let effects = told.map_err(|error| match error {
        CallError::Told(why) => LoadError::Migration { from: from.to_owned(), why },
        error => LoadError::Failed { step: "taking over older state", error },
    })?;
    Ok((instance, effects))
}

async fn within<T>(
    deadline: Instant,
    step: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    timeout_at(deadline, step).await.unwrap_or(Err(CallError::Deadline))
}

async fn validate(blueprint: &Blueprint, instance: &mut Instance) -> Result<(), CallError> {
    let Some(guest) = &instance.lifecycle else { return Ok(()) };
    begin(&mut instance.store, Call::new(blueprint.limits.load_cpu, None));
    let outcome = guest.call_validate(&mut instance.store, &blueprint.settings).await;
    blueprint.judge(&instance.store, outcome)
}

async fn migrate(
    blueprint: &Blueprint,
    instance: &mut Instance,
    from: &str,
) -> Result<Effects, CallError> {
    let Some(guest) = &instance.lifecycle else { return Ok(Effects::default()) };
    begin(&mut instance.store, Call::new(blueprint.limits.load_cpu, None));
    let outcome = guest.call_migrate(&mut instance.store, from).await;
    blueprint.judge(&instance.store, outcome)?;
    Ok(std::mem::take(&mut instance.store.data_mut().call.effects))
}
