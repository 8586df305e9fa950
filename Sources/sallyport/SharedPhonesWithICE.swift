import MediaRelay
import Reactor

/// The ``PhonesWithICE`` of the process.
final class SharedPhonesWithICE: PhonesWithICESharing {
    private let phones = Guarded(PhonesWithICE())

    func withPhones<Result: Sendable>(_ body: (inout PhonesWithICE) -> Result) -> Result { phones.withLock(body) }
}
