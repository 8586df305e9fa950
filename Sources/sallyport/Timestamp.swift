import Glibc
import NetworkTypes

/// A moment of the calendar in UTC, to the millisecond, for log lines.
struct Timestamp {
    let secondsSince1970: Int64
    let milliseconds: Int

    static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(secondsSince1970: Int64(time.tv_sec), milliseconds: time.tv_nsec / 1_000_000)
    }

    /// The moment that was so long ago.
    func before(_ ago: Duration) -> Timestamp {
        let all = secondsSince1970 * 1_000 + Int64(milliseconds) - Int64((ago.seconds * 1_000).rounded())
        return Timestamp(secondsSince1970: all / 1_000, milliseconds: Int(all % 1_000))
    }

    /// Appends `2026-11-21T12:00:00.123Z`.
    func write(into out: inout [UInt8]) {
        let secondOfDay = Int(secondsSince1970 % 86400)
        let date = Self.date(ofDay: Int(secondsSince1970 / 86400))
        out.append(digits: date.year, 4)
        out.append(UInt8(ascii: "-"))
        out.append(digits: date.month, 2)
        out.append(UInt8(ascii: "-"))
        out.append(digits: date.day, 2)
        out.append(UInt8(ascii: "T"))
        out.append(digits: secondOfDay / 3600, 2)
        out.append(UInt8(ascii: ":"))
        out.append(digits: secondOfDay / 60 % 60, 2)
        out.append(UInt8(ascii: ":"))
        out.append(digits: secondOfDay % 60, 2)
        out.append(UInt8(ascii: "."))
        out.append(digits: milliseconds, 3)
        out.append(UInt8(ascii: "Z"))
    }

    /// The Gregorian date of a day counted from 1970-01-01, for days of that year and later.
    ///
    /// Years are counted from March, so that the leap day is the last of its year, in cycles of 400 years.
    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let fromMarch0000 = day + 719_468
        let cycle = fromMarch0000 / 146_097
        let dayOfCycle = fromMarch0000 % 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}

extension Array<UInt8> {
    /// Appends the last `count` decimal digits of `number`.
    fileprivate mutating func append(digits number: Int, _ count: Int) {
        var divisor = 1
        for _ in 1..<count { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }
}
