//! What is different at some times of the week, by the machine's own clock.

use std::fs;

use lanemark::lab::house::Resident;

use crate::bed::{Bed, Wish};
use crate::program::tool;
use crate::promise::{SOON, Tried, promises, until};
use crate::see;

promises! {
    a_schedule_that_is_in_force_takes_live_flows_along_and_gives_them_back,
}

/// Today and tomorrow in UTC, in case midnight comes meanwhile, and the day that is farthest from both.
fn days(bed: &Bed) -> [String; 2] {
    // In seconds, which every `date` knows; the words for days not.
    let now = tool(bed.router(), "date -u +%s");
    let now: u64 = now.trim().parse().expect("seconds");
    let day = |later: u64| {
        let then = now + later * 24 * 60 * 60;
        let day = tool(bed.router(), &format!("date -u -d @{then} +%a"));
        day.trim().to_lowercase()
    };
    [format!("{},{}", day(0), day(1)), day(4)]
}

fn a_schedule_that_is_in_force_takes_live_flows_along_and_gives_them_back() -> Tried {
    let bed = Bed::new()?;
    let (workstation, tv) = (Resident::workstation(), Resident::tv());
    let [now, another] = days(&bed);
    let wish = Wish::workstation("premium");
    let window = |days: &str, device: &Resident| {
        let mac = device.mac_text();
        format!(
            r#"{{"days": "{days}", "from": "00:00", "until": "24:00", "mac": "{mac}", "class": "bulk"}}"#
        )
    };
    let text = wish.text();
    let whole = text.trim_end().strip_suffix('}').expect("an object");
    let schedules = [window(&now, &tv), window(&another, &workstation)].join(", ");
    let text = format!("{whole}, \"time_zone\": \"UTC0\", \"schedules\": [{schedules}] }}");
    let crowds = [bed.crowds("workstation", 5), bed.crowds("tv", 5)];
    fs::write(bed.config_file(), text).expect("lanemark's configuration");
    let _lanemark = bed.start_again();
    until("the marks of the schedule", SOON, || {
        let all = |device, mark| see::marks(bed.router(), device).iter().all(|m| *m == mark);
        (all(&tv, 40) && all(&workstation, 10)).then_some(())
    });
    let doctor = bed.ask(&["doctor"]);
    assert!(doctor.contains("1 of 2 in force at "), "{doctor}");
    let said = bed.ask(&["set", &tv.mac_text(), "express"]);
    assert!(
        said.contains("a schedule has it in bulk until 24:00"),
        "{said}"
    );
    assert!(see::marks(bed.router(), &tv).iter().all(|mark| *mark == 40));
    let plain = bed.scratch_file("plain.json");
    fs::write(&plain, wish.text()).expect("a configuration");
    bed.ask(&["config", "apply", crate::bed::text(&plain)]);
    assert!(see::marks(bed.router(), &tv).iter().all(|mark| *mark == 0));
    drop(crowds);
    Ok(())
}
