import Glibc

/// A sine wave in G.711 µ-law, one second long, so that any whole number of frames continues it without a click.
struct Tone {
    static let sampleRate = 8000

    let frequency: Double
    let samples: [UInt8]

    init(frequency: Double) {
        self.frequency = frequency
        samples = (0..<Self.sampleRate).map { index in
            let angle = 2 * Double.pi * frequency * Double(index) / Double(Self.sampleRate)
            return MuLaw.encode(Int16(8000 * sin(angle)))
        }
    }
}

/// G.711 µ-law.
enum MuLaw {
    static func encode(_ sample: Int16) -> UInt8 {
        let sign: UInt8 = sample < 0 ? 0x80 : 0
        let magnitude = min(Int(sample.magnitude), 32635) + 132
        let exponent = max(0, Int.bitWidth - 1 - magnitude.leadingZeroBitCount - 7)
        let mantissa = magnitude >> (exponent + 3) & 0x0f
        return ~(sign | UInt8(exponent << 4) | UInt8(mantissa))
    }

    static func decode(_ code: UInt8) -> Int16 {
        let bits = ~code
        let exponent = Int(bits >> 4 & 7)
        let magnitude = ((Int(bits & 0x0f) << 3 + 132) << exponent) - 132
        return Int16(clamping: bits & 0x80 == 0 ? magnitude : -magnitude)
    }
}

/// Listens for one frequency by the Goertzel algorithm, in blocks of a tenth of a second.
struct ToneDetector {
    private static let blockSize = Tone.sampleRate / 10
    /// Which part of a block's energy must be in the tone; µ-law noise is below 1 %.
    private static let share = 0.8

    private let coefficient: Double
    private var s1 = 0.0
    private var s2 = 0.0
    private var energy = 0.0
    private var samples = 0
    private(set) var blocks = 0
    private(set) var blocksHeard = 0

    init(frequency: Double) { coefficient = 2 * cos(2 * Double.pi * frequency / Double(Tone.sampleRate)) }

    /// Whether nearly everything that came was the tone. The odd block may miss it where a packet is missing.
    var hears: Bool { blocks > 0 && blocksHeard * 10 >= blocks * 9 }

    /// Takes in µ-law samples.
    mutating func listen(to payload: UnsafeRawBufferPointer) {
        for code in payload {
            let sample = Double(MuLaw.decode(code))
            (s1, s2) = (sample + coefficient * s1 - s2, s1)
            energy += sample * sample
            samples += 1
            if samples == Self.blockSize { finishBlock() }
        }
    }

    private mutating func finishBlock() {
        let power = s1 * s1 + s2 * s2 - coefficient * s1 * s2
        // A pure tone of amplitude A has energy N·A²/2 and Goertzel power (N·A/2)².
        let toneEnergy = power * 2 / Double(Self.blockSize)
        blocks += 1
        if energy > Double(Self.blockSize) * 100, toneEnergy > Self.share * energy { blocksHeard += 1 }
        (s1, s2, energy, samples) = (0, 0, 0, 0)
    }
}
