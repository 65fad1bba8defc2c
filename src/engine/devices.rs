//! The devices of the home: who they are, where they are, and in which lane.
//!
//! Bounded whatever a LAN host does: see `limits.rs` for the rules of the full tables.

use core::net::IpAddr;

use heapless::index_map::FnvIndexMap;
use heapless::{String, Vec};

use super::limits::{ADDRESSES_MAX, DEVICE_ADDRESSES_MAX, DEVICES_MAX};
use super::{Cap, Caps, InForce};
use crate::config::{Config, NAME_BYTES_MAX};
use crate::value::{Class, Crc32, Instant, Mac};

/// A device's place in the table. Valid until the table is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceId(u16);

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Who.
    pub mac: Mac,
    /// What the user calls it; empty for no name.
    pub name: String<NAME_BYTES_MAX>,
    /// What it calls itself; empty when it does not say. Without control characters.
    pub lease_name: String<NAME_BYTES_MAX>,
    /// Whether the configuration names it.
    pub configured: bool,
    /// The class that it shall have.
    pub class: Option<Class>,
    /// The class that the kernel's map gives it.
    pub kernel_class: Option<Class>,
    /// Its slot among the capped ones, counted from 1; 0 without a cap.
    pub slot: u8,
    /// Whether its live flows are to be marked anew.
    pub remark: bool,
    /// When there last was word from it; none before the first.
    pub seen: Option<Instant>,
    /// What its flows carried, as last counted.
    pub traffic: Traffic,
    /// What its flows carried, as far as the count that goes on has come.
    pub counting: Traffic,
    /// With which change for watchers its rates became what they are.
    pub rated: u32,
}

/// What the flows of a device carried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// How many there are.
    pub flows: u32,
    /// Bytes from it, in the flows that there are.
    pub up_bytes: u64,
    /// Bytes to it, in the flows that there are.
    pub down_bytes: u64,
    /// Kilobits a second from it and to it, between the last two counts; none where nothing is counted.
    pub rate_kbit: Option<(u32, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Address {
    device: DeviceId,
    told: Told,
}

/// Who told of an address, and when there last was word from it. What the kernel told is worth more than what a lease says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// A lease file: nobody saw it.
    ByLease,
    /// The kernel, which had word from it then.
    ByKernel(Instant),
}

impl Told {
    const fn by_kernel(self) -> bool {
        matches!(self, Told::ByKernel(_))
    }
}

/// What became of a device that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is known.
    Known(DeviceId),
    /// It is new.
    Added(DeviceId),
    /// It is new and took the place of the one that was silent longest.
    Evicted(DeviceId),
    /// There is no place.
    Full,
}

/// What became of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    /// The device had it already.
    Known,
    /// It is new, or was another device's.
    Moved,
    /// It is new and took the place of the one that was silent longest.
    Evicted,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Devices {
    devices: Box<Vec<Device, DEVICES_MAX>>,
    caps: Caps,
    addresses: Box<FnvIndexMap<IpAddr, Address, ADDRESSES_MAX>>,
    generation: u32,
}

impl Devices {
    /// Counts up when the list is another: somebody came, went, or has another name or class.
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// All, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }

    /// All.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Device> {
        self.devices.iter_mut()
    }

    /// Those that have a cap, in the order of the configuration.
    pub fn caps(&self) -> &[Cap] {
        &self.caps
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// The one at this place, counted from 0.
    pub fn at(&self, place: usize) -> Option<&Device> {
        self.devices.get(place)
    }

    /// The device of this place.
    pub fn get(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(usize::from(id.0))
    }

    /// The device of this place.
    pub fn get_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.devices.get_mut(usize::from(id.0))
    }

    /// The device with this MAC address.
    pub fn find(&self, mac: Mac) -> Option<DeviceId> {
        self.devices
            .iter()
            .position(|device| device.mac == mac)
            .and_then(DeviceId::new)
    }

    /// The device with this address.
    pub fn by_address(&self, address: IpAddr) -> Option<DeviceId> {
        self.addresses.get(&address).map(|known| known.device)
    }

    /// The addresses of a device.
    pub fn addresses(&self, mac: Mac) -> impl Iterator<Item = IpAddr> {
        let id = self.find(mac);
        self.addresses
            .iter()
            .filter(move |(_, known)| Some(known.device) == id)
            .map(|(address, _)| *address)
    }

    /// There is a device.
    pub fn see(&mut self, mac: Mac) -> Seen {
        if let Some(id) = self.find(mac) {
            return Seen::Known(id);
        }
        let full = self.devices.is_full();
        let place = if full {
            let silent = self.devices.iter().enumerate();
            let silent = silent.filter(|(_, old)| !old.configured && old.kernel_class.is_none());
            let silent = silent.min_by_key(|(_, old)| old.seen);
            silent.map(|(place, _)| place)
        } else {
            Some(self.devices.len())
        };
        let Some(id) = place.and_then(DeviceId::new) else {
            return Seen::Full;
        };
        let device = Device::new(mac);
        self.generation = self.generation.wrapping_add(1);
        if !full {
            // There is room.
            let _ = self.devices.push(device);
            return Seen::Added(id);
        }
        self.forget_addresses(id);
        if let Some(old) = self.get_mut(id) {
            *old = device;
        }
        Seen::Evicted(id)
    }

    fn forget_addresses(&mut self, id: DeviceId) {
        // Few: a device has at most 32.
        while let Some(address) = self.oldest_address(Some(id)) {
            self.addresses.swap_remove(&address);
        }
    }

    /// The address, of this device or of all, that was silent longest.
    fn oldest_address(&self, of: Option<DeviceId>) -> Option<IpAddr> {
        let known = self.addresses.iter();
        known
            .filter(|(_, known)| of.is_none_or(|id| known.device == id))
            .min_by_key(|(_, known)| known.told)
            .map(|(address, _)| *address)
    }

    /// A device has an address; whoever had it before has it no more. A lease only tells of an address that the kernel has not told of: it is the
    /// host's own word, and may be old.
    pub fn locate(&mut self, id: DeviceId, address: IpAddr, told: Told) -> Located {
        if let Some(known) = self.addresses.get_mut(&address) {
            if known.device == id || (known.told.by_kernel() && !told.by_kernel()) {
                if known.device == id {
                    known.told = known.told.max(told);
                }
                return Located::Known;
            }
            *known = Address { device: id, told };
            return Located::Moved;
        }
        let own = self.addresses.values().filter(|known| known.device == id);
        let crowded = own.count() >= DEVICE_ADDRESSES_MAX;
        let full = self.addresses.len() == ADDRESSES_MAX;
        if (crowded || full)
            && let Some(oldest) = self.oldest_address(crowded.then_some(id))
        {
            self.addresses.swap_remove(&oldest);
        }
        // There is room now.
        let _ = self.addresses.insert(address, Address { device: id, told });
        if crowded || full {
            Located::Evicted
        } else {
            Located::Moved
        }
    }

    /// The configuration says who has which name and class, and these schedules of it are in force. Devices whose class is another than before are to be marked anew. Returns how many
    /// there was no room for; there is room for all as long as fewer are configured than fit.
    pub fn configure(&mut self, config: &Config, in_force: InForce) -> u32 {
        for device in self.devices.iter_mut() {
            device.configured = false;
            device.name.clear();
        }
        let schedules = &config.schedules;
        for wanted in config.devices.iter() {
            // First those that are known, so that none of them makes room for a new one.
            self.keep(wanted.mac);
        }
        in_force.each_class(schedules, &mut |mac, _| self.keep(mac));
        let mut refused = 0;
        for wanted in config.devices.iter() {
            refused += self.enrol(wanted.mac, wanted.class);
            if let Some(device) = self.find(wanted.mac).and_then(|id| self.get_mut(id)) {
                device.name.clone_from(&wanted.name);
            }
        }
        // A device may have a schedule and nothing else.
        in_force.each_class(schedules, &mut |mac, class| {
            refused += self.enrol(mac, Some(class))
        });
        for device in self.devices.iter_mut().filter(|device| !device.configured) {
            let other = device.reclass(None);
            self.generation = self.generation.wrapping_add(u32::from(other));
        }
        self.cap(config);
        refused
    }

    /// Capped devices get slots, and their classes are known now.
    fn cap(&mut self, config: &Config) {
        self.caps.clear();
        for wanted in config.devices.iter().filter(|wanted| wanted.is_capped()) {
            let device = self.find(wanted.mac).and_then(|id| self.get(id));
            let class = device.and_then(|device| device.class);
            // There is room: the configuration has no more.
            let _ = self.caps.push(Cap {
                mac: wanted.mac,
                class: class.unwrap_or(config.default_class),
                up: wanted.up_max,
                down: wanted.down_max,
            });
        }
        for device in self.devices.iter_mut() {
            let place = self.caps.iter().position(|cap| cap.mac == device.mac);
            let slot = place.map_or(0, |place| u8::try_from(place + 1).unwrap_or_default());
            device.remark |= device.slot != slot;
            device.slot = slot;
        }
    }

    /// A device that is known makes no room for another.
    fn keep(&mut self, mac: Mac) {
        if let Some(device) = self.find(mac).and_then(|id| self.get_mut(id)) {
            device.configured = true;
        }
    }

    /// A device is in this class. Returns how many there was no room for.
    fn enrol(&mut self, mac: Mac, class: Option<Class>) -> u32 {
        let (Seen::Known(id) | Seen::Added(id) | Seen::Evicted(id)) = self.see(mac) else {
            return 1;
        };
        if let Some(device) = self.get_mut(id) {
            device.configured = true;
            let other = device.reclass(class);
            self.generation = self.generation.wrapping_add(u32::from(other));
        }
        0
    }

    /// A device calls itself so. Characters that no terminal should see become `?`; what does not fit is cut.
    pub fn call(&mut self, id: DeviceId, name: &str) {
        let Some(device) = self.get_mut(id) else {
            return;
        };
        let before = Crc32::of(device.lease_name.as_bytes());
        device.lease_name.clear();
        for letter in name.chars() {
            let shown = if letter.is_control() || is_bidi_control(letter) {
                '?'
            } else {
                letter
            };
            if device.lease_name.push(shown).is_err() {
                break;
            }
        }
        if Crc32::of(device.lease_name.as_bytes()) != before {
            self.generation = self.generation.wrapping_add(1);
        }
    }

    /// The devices that go by a name, in any case; a configured name goes before what devices call themselves.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Device> {
        let configured = self
            .devices
            .iter()
            .any(|device| device.name.eq_ignore_ascii_case(name));
        self.devices.iter().filter(move |device| {
            let known = if configured {
                &device.name
            } else {
                &device.lease_name
            };
            !name.is_empty() && known.eq_ignore_ascii_case(name)
        })
    }

    /// Whether the kernel's map of devices differs from what it should be.
    pub fn kernel_differs(&self) -> bool {
        self.devices
            .iter()
            .any(|device| device.class != device.kernel_class)
    }
}

/// Characters that turn the direction of text, so that a name looks like another (Unicode, UAX #9).
const fn is_bidi_control(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

impl DeviceId {
    fn new(place: usize) -> Option<DeviceId> {
        u16::try_from(place).ok().map(DeviceId)
    }
}

impl Device {
    fn new(mac: Mac) -> Device {
        Device {
            mac,
            name: String::new(),
            lease_name: String::new(),
            configured: false,
            class: None,
            kernel_class: None,
            slot: 0,
            // Its flows may carry what a run before this one left.
            remark: true,
            seen: None,
            traffic: Traffic::default(),
            counting: Traffic::default(),
            rated: 0,
        }
    }

    /// Whether that is another class than before.
    fn reclass(&mut self, class: Option<Class>) -> bool {
        let other = self.class != class;
        self.class = class;
        self.remark |= other;
        other
    }

    /// What to call it: the user's name, else its own; empty when it has neither.
    pub fn shown_name(&self) -> &str {
        if self.name.is_empty() {
            &self.lease_name
        } else {
            &self.name
        }
    }
}
