import Glibc

/// Whether `condition` comes about within so many seconds of real time. It is looked at every ten milliseconds, and
/// once more at the end.
public func eventually(within seconds: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while clock.now < end {
        if try condition() { return true }
        usleep(10_000)
    }
    return try condition()
}
