//! A batch of `nf_tables`, told line by line. Panics at an attribute that it does not know: what is not read cannot be promised.

use std::collections::BTreeMap;

use lanemark::wire::netlink::{Frame, Message, messages};
use lanemark::wire::{Order, Reader};

/// The attributes of a nest, by number.
struct Fields<'a> {
    order: Order,
    fields: BTreeMap<u16, Reader<'a>>,
}

impl<'a> Fields<'a> {
    fn read(mut reader: Reader<'a>) -> Fields<'a> {
        let mut fields = BTreeMap::new();
        reader.attributes(&mut |kind, value| {
            assert!(
                fields.insert(kind, *value).is_none(),
                "attribute {kind} twice"
            );
        });
        reader.end().unwrap();
        Fields {
            order: reader.order(),
            fields,
        }
    }

    fn maybe(&mut self, kind: u16) -> Option<Reader<'a>> {
        self.fields.remove(&kind)
    }

    fn take(&mut self, kind: u16) -> Reader<'a> {
        self.maybe(kind)
            .unwrap_or_else(|| panic!("no attribute {kind}"))
    }

    fn text(&mut self, kind: u16) -> &'a str {
        let mut value = self.take(kind);
        assert_eq!(value.rest().last(), Some(&0), "a text ends in NUL");
        let text = value.text();
        value.end().unwrap();
        text
    }

    fn be32(&mut self, kind: u16) -> u32 {
        let mut value = self.take(kind);
        assert_eq!(value.rest().len(), 4);
        value.be32()
    }

    fn nest(&mut self, kind: u16) -> Fields<'a> {
        Fields::read(self.take(kind))
    }

    /// The raw value in a data attribute.
    fn value(&mut self, kind: u16) -> &'a [u8] {
        let mut data = self.nest(kind);
        let value = data.take(1).rest();
        data.end();
        value
    }

    fn register(&mut self, kind: u16) -> &'static str {
        match self.be32(kind) {
            0 => "verdict",
            1 => "data",
            other => panic!("register {other}"),
        }
    }

    /// Nothing is left that was not asked for.
    fn end(self) {
        assert!(self.fields.is_empty(), "unread: {:?}", self.fields.keys());
    }
}

/// The attributes of a list, whatever their numbers.
fn members(mut list: Reader<'_>) -> Vec<Reader<'_>> {
    let mut members = Vec::new();
    list.attributes(&mut |_, member| members.push(*member));
    list.end().unwrap();
    members
}

/// A number of four bytes as the machine of `order` keeps it.
fn number(order: Order, bytes: &[u8]) -> u32 {
    let bytes = bytes.try_into().unwrap();
    if order == Order::Big {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}

/// What a rule compares with: a name, or a number of one, two or four bytes.
fn compared(order: Order, bytes: &[u8]) -> String {
    match *bytes {
        [byte] => format!("{byte:#04x}"),
        [a, b] if order == Order::Big => format!("{:#06x}", u16::from_be_bytes([a, b])),
        [a, b] => format!("{:#06x}", u16::from_le_bytes([a, b])),
        [_, _, _, _] => format!("{:#010x}", number(order, bytes)),
        _ => {
            assert_eq!(bytes.len(), 16);
            let end = bytes.iter().position(|byte| *byte == 0).unwrap();
            assert!(bytes[end..].iter().all(|byte| *byte == 0));
            format!("{:?}", std::str::from_utf8(&bytes[..end]).unwrap())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every message of a batch; the flags are `!` acknowledged, `c` create, `x` exclusive, `a` append.
pub fn listing(bytes: &[u8], order: Order) -> Vec<(u32, String)> {
    let lines = messages(bytes, order).map(|frame| match frame.unwrap() {
        Frame::Message(message) => (message.header.seq, line(message)),
        other => panic!("{other:?}"),
    });
    lines.collect()
}

fn line(message: Message<'_>) -> String {
    let header = message.header;
    let mut body = message.body;
    let (family, version, resource) = (body.u8(), body.u8(), body.be16());
    body.end().unwrap();
    if let 0x10 | 0x11 = header.kind {
        assert_eq!(
            (family, version, resource, header.flags, body.is_empty()),
            (0, 0, 10, 1, true)
        );
        return if header.kind == 0x10 {
            "begin".to_owned()
        } else {
            "end".to_owned()
        };
    }
    assert_eq!((family, version, resource, header.kind >> 8), (1, 0, 0, 10));
    let known = [(0x004, '!'), (0x400, 'c'), (0x200, 'x'), (0x800, 'a')];
    let flags: String = known
        .iter()
        .filter(|(bit, _)| header.flags & bit != 0)
        .map(|(_, sign)| sign)
        .collect();
    assert_eq!(header.flags & !0xe04, 1, "{:#x}", header.flags);
    let mut fields = Fields::read(body);
    let table = fields.text(1);
    let what = match header.kind & 0xff {
        0 => table_line(&mut fields),
        2 => "no table".to_owned(),
        3 => chain_line(&mut fields),
        6 => rule_line(&mut fields),
        9 => map_line(&mut fields),
        12 => format!("elements {}", elements_line(&mut fields)),
        14 => format!("no elements {}", elements_line(&mut fields)),
        other => panic!("message {other}"),
    };
    fields.end();
    format!("{flags} {table}: {what}")
}

fn comment(bytes: &[u8]) -> String {
    let [0, len, text @ .., 0] = bytes else {
        panic!("{bytes:?}")
    };
    assert_eq!(usize::from(*len), text.len() + 1);
    format!("{:?}", std::str::from_utf8(text).unwrap())
}

fn table_line(fields: &mut Fields<'_>) -> String {
    let flags = fields.be32(2);
    match fields.maybe(6) {
        Some(userdata) => format!("table flags {flags:#x} {}", comment(userdata.rest())),
        None => format!("table flags {flags:#x}"),
    }
}

fn chain_line(fields: &mut Fields<'_>) -> String {
    let name = fields.text(3);
    if fields.fields.is_empty() {
        return format!("chain {name}");
    }
    let mut hook = fields.nest(4);
    let (number, priority) = (hook.be32(1), hook.be32(2).cast_signed());
    let devices = hook.maybe(4).map_or_else(String::new, |devices| {
        let names = members(devices);
        let names: Vec<_> = names.into_iter().map(|mut name| name.text()).collect();
        format!(" devices {names:?}")
    });
    hook.end();
    format!(
        "chain {name} {} hook {number} priority {priority} policy {}{devices}",
        fields.text(7),
        fields.be32(5)
    )
}

fn map_line(fields: &mut Fields<'_>) -> String {
    let (name, flags, id) = (fields.text(2), fields.be32(3), fields.be32(10));
    let (key, key_bytes, data, data_bytes) = (
        fields.be32(4),
        fields.be32(5),
        fields.be32(6),
        fields.be32(7),
    );
    let userdata = fields.take(13).rest();
    let [0, 4, key_order @ .., 1, 4, _, _, _, _] = userdata else {
        panic!("{userdata:?}")
    };
    let (key_order, data_order) = (
        number(fields.order, key_order),
        number(fields.order, &userdata[8..]),
    );
    format!(
        "map {name} #{id} flags {flags:#x} key {key} of {key_bytes} data {data:#x} of {data_bytes} orders {key_order} {data_order}"
    )
}

fn elements_line(fields: &mut Fields<'_>) -> String {
    let name = fields.text(2);
    let elements = members(fields.take(3)).into_iter().map(|element| {
        let mut element = Fields::read(element);
        let key = element.value(1);
        let key = match key.len() {
            4 => format!("{:#x}", number(element.order, key)),
            _ => lanemark::value::Mac(key.try_into().unwrap()).to_string(),
        };
        let Some(data) = element.maybe(2) else {
            element.end();
            return key;
        };
        element.end();
        let mut data = Fields::read(data);
        if let Some(value) = data.maybe(1) {
            return format!("{key} = {:x}", number(data.order, value.rest()));
        }
        format!("{key} {}", verdict(&mut data))
    });
    format!("{name} {{{}}}", elements.collect::<Vec<_>>().join(", "))
}

fn verdict(data: &mut Fields<'_>) -> String {
    let mut verdict = data.nest(2);
    let (code, chain) = (verdict.be32(1).cast_signed(), verdict.text(2));
    verdict.end();
    assert_eq!(code, -4, "goto");
    format!("goto {chain}")
}

fn rule_line(fields: &mut Fields<'_>) -> String {
    let (chain, note) = (fields.text(2), comment(fields.take(7).rest()));
    // Whether what is loaded are bytes of the packet, in the order in which they came.
    let mut raw = false;
    let expressions = members(fields.take(4)).into_iter().map(|expression| {
        let mut expression = Fields::read(expression);
        let (name, mut data) = (expression.text(1), expression.nest(2));
        expression.end();
        raw = match name {
            "payload" => true,
            "meta" => false,
            "ct" => data.fields.contains_key(&3),
            _ => raw,
        };
        let said = expression_text(name, &mut data, raw);
        data.end();
        said
    });
    format!(
        "rule {chain} {note}: {}",
        expressions.collect::<Vec<_>>().join("; ")
    )
}

/// What lowers TCP's segment size.
fn segment_size_text(name: &str, data: &mut Fields<'_>) -> String {
    match name {
        "rt" => format!("{} = rt {}", data.register(1), data.be32(2)),
        "byteorder" => {
            let (from, to) = (data.register(1), data.register(2));
            let (op, len, size) = (data.be32(3), data.be32(4), data.be32(5));
            format!("{to} = byteorder {op} of {from}, {len} by {size}")
        }
        _ => {
            let (from, kind) = (data.register(7), data.take(2).rest());
            let (offset, len, op) = (data.be32(3), data.be32(4), data.be32(6));
            format!("option {op} {kind:?} at {offset} of {len} = {from}")
        }
    }
}

fn expression_text(name: &str, data: &mut Fields<'_>, raw: bool) -> String {
    match name {
        "meta" | "ct" => {
            let key = data.be32(2);
            let set = if name == "meta" { 3 } else { 4 };
            if name == "ct"
                && let Some(direction) = data.maybe(3)
            {
                return format!("{} = ct {key} of {:?}", data.register(1), direction.rest());
            }
            if data.fields.contains_key(&1) {
                format!("{} = {name} {key}", data.register(1))
            } else {
                format!("{name} {key} = {}", data.register(set))
            }
        }
        "bitwise" => {
            let (from, to, len) = (data.register(1), data.register(2), data.be32(3));
            let [mask, xor] = [4, 5].map(|part| data.value(part));
            if raw {
                assert!(mask.len() == xor.len() && xor.iter().all(|byte| *byte == 0));
                return format!("{to} = {from} & {} of {len}", hex(mask));
            }
            let [mask, xor] = [mask, xor].map(|bytes| number(data.order, bytes));
            format!("{to} = {from} & {mask:#010x} ^ {xor:#010x} of {len}")
        }
        "cmp" => {
            let (register, op) = (data.register(1), data.be32(2));
            let value = data.value(3);
            match op {
                0 if raw => format!("{register} == {}", hex(value)),
                0 => format!("{register} == {}", compared(data.order, value)),
                1 => format!("{register} != {}", compared(data.order, value)),
                3 => format!("{register} <= {}", hex(value)),
                5 => format!("{register} >= {}", hex(value)),
                other => panic!("comparison {other}"),
            }
        }
        "payload" => {
            let (to, base, offset, len) =
                (data.register(1), data.be32(2), data.be32(3), data.be32(4));
            format!("{to} = payload {base} at {offset} of {len}")
        }
        "rt" | "byteorder" | "exthdr" => segment_size_text(name, data),
        "lookup" => {
            let (map, id, from, to) = (
                data.text(1),
                data.be32(4),
                data.register(2),
                data.register(3),
            );
            format!("{to} = {map} #{id} [{from}]")
        }
        "immediate" => {
            let (to, order) = (data.register(1), data.order);
            let mut value = data.nest(2);
            let said = match value.maybe(1) {
                Some(two) if two.rest().len() == 2 => format!("{to} = bytes {}", hex(two.rest())),
                Some(number) => format!("{to} = {:x}", self::number(order, number.rest())),
                None => format!("{to} = {}", verdict(&mut value)),
            };
            value.end();
            said
        }
        other => panic!("expression {other}"),
    }
}
