import MediaRelay
import Reactor

/// The ``FarEnds`` of the process.
final class SharedFarEnds: FarEndSharing {
    private let ends = Guarded(FarEnds())

    func withFarEnds<Result: Sendable>(_ body: (inout FarEnds) -> Result) -> Result { ends.withLock(body) }
}
